"""Test the API as it is served: each route with its default parameters, and random requests."""

import itertools
import re
from collections.abc import Iterator
from datetime import timedelta
from http.client import HTTPConnection
from urllib.parse import quote, urlencode

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import event as note_status
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bench.events import lines
from modeltrack_api.app import App, utc_now
from modeltrack_api.background import add_alerter
from modeltrack_api.routes import ROUTES
from modeltrack_api.web.dispatch import Dispatcher, Route
from modeltrack_api.web.messages import Request
from modeltrack_api.web.params import FILTERS, WINDOW
from modeltrack_api.web.server import Server
from tests.modeltrack_api.serving import Client, append, error, event, opened, serving, settings

API_ROUTES = [route for route in ROUTES if not route.any_query]
"""All routes except the dashboard's files."""

GETS = [route for route in API_ROUTES if route.method == "GET"]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("data")
    log = folder / "cost_events.jsonl"
    log.write_bytes(b"".join(line + b"\n" for line in lines(3000, utc_now(), days=20)))
    gpu = {"event_type": "gpu_compute", "service": "ec2", "gpu_type": "h100", "gpu_utilization_pct": 50.5}
    append(log, event(session_id="s/1", feature="a/b"), event(**gpu))
    app = App(settings(folder))
    add_alerter(app)
    with opened(app):
        assert app.follower.ready.wait(60)
        yield app


@pytest.fixture(scope="module")
def server(app: App) -> Iterator[Server]:
    with serving(Dispatcher(app, ROUTES).answer) as server:
        yield server


def test_no_route_hides_another() -> None:
    places = [(route.method, re.sub(r"\{.*?\}", "{}", route.path)) for route in ROUTES]
    assert len(places) == len(set(places))
    for route in ROUTES:
        in_path = re.findall(r"\{(.*?)\}", route.path)
        assert set(in_path) <= {param.name for param in route.params}, route.path


@pytest.mark.parametrize("route", GETS, ids=lambda route: route.path)
def test_every_call_answers_in_its_default_view(server: Server, route: Route) -> None:
    path = route.path.replace("{name}", "a%2Fb").replace("{id}", "s%2F1")
    connection = HTTPConnection(*server.server_address)
    for method in ("GET", "HEAD"):
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read()
        assert response.status == 200, body
        if method == "GET" and response.headers["Content-Disposition"] is None and route.path != "/metrics":
            assert orjson.loads(body)["error"] is None
    connection.close()


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/api/forecast?horizon_days=0", "horizon_days"),
        ("/api/forecast?horizon_days=366", "horizon_days"),
        ("/api/forecast?horizon_days=9e1", "horizon_days"),
        ("/api/forecast?granularity=hour", "granularity"),
        ("/api/forecast?start_date=2026-01-01", "start_date"),
        ("/api/reports/executive?period=daily", "period"),
        ("/api/reports/executive?end_date=soon", "end_date"),
        ("/api/reports/executive?start_date=2026-01-01", "start_date"),
        ("/api/reports/executive?format=csv", "format"),
        ("/api/reports/executive/export?format=xlsx", "format"),
    ],
)
def test_what_a_forecast_or_report_does_not_take_is_named(app: App, path: str, named: str) -> None:
    answer = Dispatcher(app, ROUTES).answer(Request("GET", path, {"host": "localhost"}, b""))
    assert answer.status == 400
    assert named in error(answer.body)


def test_a_report_is_saved_as_a_file(server: Server) -> None:
    with Client(server) as client:
        response, body = client.ask("GET /api/reports/executive/export?format=csv HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    name = re.escape("modeltrack-monthly-report-") + r"\d{4}-\d\d-\d\d\.csv"
    assert re.fullmatch(f'attachment; filename="{name}"', response.headers["Content-Disposition"])
    assert body.startswith(b'"section","name",')


def test_an_estimate_is_asked_for_with_a_body(server: Server) -> None:
    plan = {"model": "gpt-4o", "avg_input_tokens": 1000, "avg_output_tokens": 100, "requests_per_day": 10}
    connection = HTTPConnection(*server.server_address)
    connection.request(
        "POST", "/api/estimator/calculate", orjson.dumps(plan), headers={"Content-Type": "application/json"}
    )
    response = connection.getresponse()
    body = orjson.loads(response.read())
    connection.close()
    assert response.status == 200, body
    assert body["data"]["estimate"]["cost_per_request"] == 0.0035


def test_an_event_that_is_appended_is_in_the_next_answer(app: App, server: Server) -> None:
    log = app.settings.data_dir / "cost_events.jsonl"
    with Client(server) as client:
        for n in range(30):
            append(log, event(team=f"fresh-{n}", timestamp=f"{utc_now():%Y-%m-%dT%H:%M:%SZ}", cost_usd=0.25))
            _, body = client.ask(f"GET /api/spend/summary?team=fresh-{n} HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert orjson.loads(body)["data"]["by_team"] == {f"fresh-{n}": 0.25}


def test_metrics_count_what_the_log_has(server: Server) -> None:
    with Client(server) as client:
        _, body = client.ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    text = body.decode()
    assert re.search(
        r'^modeltrack_api_spend_usd_total\{app="chatbot",model="gpt-4o-mini",team="product"\} \d', text, re.M
    )
    assert "modeltrack_api_ready 1.0" in text
    assert "modeltrack_api_log_behind_bytes 0.0" in text
    assert "modeltrack_api_log_skipped_lines_total 0.0" in text


def test_metrics_have_a_bounded_number_of_labels(app: App, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modeltrack_api.metrics._MOST_SERIES", 2)
    with Client(server) as client:
        _, body = client.ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    rows = [line for line in body.decode().splitlines() if line.startswith("modeltrack_api_requests_total")]
    assert len(rows) == 3
    assert 'team="(other)"' in rows[-1]
    with app.store.reading() as db:
        total = db.execute("SELECT count(*) FROM events JOIN series s ON s.id = series WHERE event_type = 'llm_api'")
        assert sum(float(row.split()[-1]) for row in rows) == total.fetchone()[0]


# Random requests

NAMES = [param.name for route in API_ROUTES for param in route.params] + [param.name for param in (*FILTERS, *WINDOW)]
PARTS = sorted(
    {part for route in API_ROUTES for part in route.path.split("/")[1:]} | {"..", "%2e%2e", "%00", "%ff", ""}
)
DAYS = st.dates(max_value=(utc_now() + timedelta(days=400)).date()).map(str)
VALUES = st.one_of(
    st.text(max_size=300),
    st.integers().map(str),
    DAYS,
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.sampled_from(
        ["day", "hour", "week", "month", "product", "", "gpt-4o", "0.0", "1e9", "NaN", "total_cost", "true"]
    ),
    st.tuples(st.integers(-(10**18), 10**18), st.integers(0, 10**18)).map(lambda pair: f"{pair[0]}.{pair[1]}"),
)
QUERIES = st.one_of(
    st.lists(st.tuples(st.one_of(st.sampled_from(NAMES), st.text(max_size=8)), VALUES), max_size=4).map(urlencode),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60),
)
PATHS = st.one_of(
    st.sampled_from([route.path for route in API_ROUTES]),
    st.lists(st.one_of(st.sampled_from(PARTS), st.text(max_size=10).map(quote)), max_size=6).map(
        lambda parts: "/" + "/".join(parts)
    ),
)
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS", "TRACE", "BREW"])
ANYWHERE = st.tuples(METHODS, PATHS, QUERIES)
"""Method, path and query."""


@st.composite
def aimed(draw: st.DrawFn) -> tuple[str, str, str]:
    """Return a request to an existing route, with some of its parameters, and values that it may allow."""
    route = draw(st.sampled_from(API_ROUTES))
    path = re.sub(r"\{.*?\}", lambda _: quote(draw(VALUES), safe=""), route.path)
    names = [param.name for param in route.params if "{" + param.name + "}" not in route.path] + [*route.filters]
    query = draw(st.dictionaries(st.sampled_from(names), VALUES, max_size=2)) if names else {}
    if route.window and draw(st.booleans()):
        query |= draw(st.dictionaries(st.sampled_from(["start_date", "end_date"]), DAYS, max_size=2))
    if "granularity" in query:
        query["granularity"] = draw(st.sampled_from(["hour", "day", "week", "month"]))
    return route.method, path, urlencode(query)


CALLS = st.one_of(aimed(), aimed(), ANYWHERE)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["accept-encoding", "if-none-match", "authorization", "content-type", "origin", "sec-fetch-site", "range", "x"]
    ),
    st.one_of(
        st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_categories=["Cc"]), max_size=50),
        st.sampled_from(["application/json", "gzip", "*", "null", "same-origin", "http://localhost", "Bearer x"]),
    ),
    max_size=4,
)
BODIES = st.one_of(
    st.just(b""),
    st.binary(max_size=100),
    st.dictionaries(st.text(max_size=10), st.none() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=10)).map(
        orjson.dumps
    ),
)
OFTEN = hypothesis_settings(
    max_examples=1200, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=False
)


def check(status: int, content_type: str, body: bytes, request: object) -> None:
    note_status(str(status))
    assert status < 500, (request, body)
    assert b"Traceback" not in body
    if status >= 400:
        assert error(body)
    elif content_type == "application/json" and body:
        assert orjson.loads(body).get("error") is None  # a file has none


@OFTEN
@given(CALLS, HEADERS, BODIES)
def test_any_request_gets_an_answer_of_its_own_making(
    app: App, call: tuple[str, str, str], headers: dict[str, str], body: bytes
) -> None:
    method, path, query = call
    headers = {name: value.strip() for name, value in headers.items()} | {"host": "localhost"}
    headers.pop("accept-encoding", None)
    request = Request(method, f"{path}?{query}", headers, body)
    answer = Dispatcher(app, ROUTES).answer(request)
    check(answer.status, answer.content_type, answer.body, request)


@pytest.fixture(scope="module")
def clients(server: Server) -> Iterator[Iterator[HTTPConnection]]:
    """A connection that is made again when the server has closed it."""
    connection = HTTPConnection(*server.server_address, timeout=20)
    yield itertools.repeat(connection)
    connection.close()


@OFTEN
@given(CALLS, HEADERS, BODIES)
def test_any_request_on_a_socket_gets_one_too(
    clients: Iterator[HTTPConnection], call: tuple[str, str, str], headers: dict[str, str], body: bytes
) -> None:
    method, path, query = call
    connection = next(clients)
    target = quote(f"{path}?{query}", safe="/?%=&:;,@!$'()*+[]{}|^~#\"<>\\`")
    connection.putrequest(method, target, skip_accept_encoding=True)
    connection.putheader("Content-Length", str(len(body)))
    for name, value in headers.items():
        if name != "accept-encoding":
            connection.putheader(name, value.strip().encode("latin-1"))
    connection.endheaders(body)
    response = connection.getresponse()
    found = response.read()
    if method != "HEAD":
        check(response.status, response.headers.get("Content-Type", ""), found, (method, target, headers))
    assert response.status < 500


@hypothesis_settings(OFTEN, max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.lists(
            st.sampled_from(
                b"GET |POST |/|/api/health| HTTP/1.1| HTTP/9.9|\r\n|\n|\r|\0| |Host: localhost|Content-Length: |5|-1"
                b"|Transfer-Encoding: chunked|\xff|:".split(b"|")
            ),
            max_size=20,
        ).map(b"".join),
    )
)
def test_any_bytes_get_answers_or_none(server: Server, data: bytes) -> None:
    with Client(server) as client:
        client.sendall(data)
        client.shutdown(1)
        answers = client.rest()
    for status in re.findall(rb"HTTP/1\.1 (\d+) ", answers):
        assert 200 <= int(status) < 500
    assert b"Traceback" not in answers
    assert answers == b"" or answers.startswith(b"HTTP/1.1 ")
