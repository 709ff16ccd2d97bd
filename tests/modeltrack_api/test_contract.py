"""Test the names and types in the API's answers, which clients rely on.

Fields may be added, but none may be missing or have another type. The tests ask the served API, whose database has a
month of calls, the collector's events, budgets and alerts.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.client import HTTPConnection
from typing import Any

import pytest

from bench.events import lines
from modeltrack_api.app import App, utc_now
from modeltrack_api.background import add_alerter
from modeltrack_api.routes import ROUTES
from modeltrack_api.web.dispatch import Dispatcher
from modeltrack_api.web.server import Server
from tests.modeltrack_api.contract import GETS, NEW_SCHEDULE, REFUSED, WRITES, Write, usd
from tests.modeltrack_api.serving import append, event, opened, serving, settings
from tests.modeltrack_api.shapes import MapOf, Shape, day, number, problems, text, time, whole

Call = Callable[[str, str, Any], tuple[int, Any]]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("data")
    log = folder / "cost_events.jsonl"
    log.write_bytes(b"".join(line + b"\n" for line in lines(20_000, utc_now(), days=40)))
    append(log, *_more_events())
    budgets = [{"team": "product", "app": "", "monthly_limit": 0.01, "action": "warn"}]
    (folder / "budgets.json").write_text(json.dumps({"budgets": budgets}))
    app = App(settings(folder))
    add_alerter(app)
    with opened(app):
        assert app.follower.ready.wait(60)
        yield app


def _more_events() -> Iterator[dict[str, Any]]:
    moment = utc_now().replace(microsecond=0, tzinfo=None)
    pod = {"event_type": "aws_infrastructure", "provider": "opencost", "service": "Kubernetes", "model": ""}
    gpu = {"event_type": "gpu_compute", "service": "EC2 GPU", "resource_id": "i-1", "gpu_type": "H100", "model": ""}
    yield event(timestamp=f"{moment - timedelta(days=1)}Z", **pod, cost_usd=1.25)
    caller = {"user": "ann", "key_id": "product-1"}
    yield event(timestamp=f"{moment - timedelta(days=1)}Z", **gpu, cost_usd=None, gpu_utilization_pct=41.5)
    for n in range(3):
        at = moment - timedelta(minutes=n)
        labels = {"session_id": "the session", "trace_id": f"{n:032x}", "feature": "chat", **caller}
        yield event(timestamp=f"{at}Z", latency_ms=7, **labels)


@pytest.fixture(scope="module")
def server(app: App) -> Iterator[Server]:
    with serving(Dispatcher(app, ROUTES).answer) as server:
        yield server


@pytest.fixture(scope="module")
def call(server: Server) -> Iterator[Call]:
    """Send a request. Return the status and the envelope."""
    connection = HTTPConnection(*server.server_address, timeout=30)

    def ask(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        content = None if body is None else json.dumps(body).encode()
        headers = {} if method == "GET" else {"Content-Type": "application/json"}
        connection.request(method, path, content, headers)
        response = connection.getresponse()
        found = json.loads(response.read())
        assert found.keys() == {"data", "error"}
        return response.status, found

    yield ask
    connection.close()


@pytest.fixture(scope="module")
def made(call: Call) -> dict[str, int]:
    """Make a schedule and a limit, and return their ids and that of an alert, for tests that change them."""
    _, schedule = call("POST", "/api/reports/schedules", NEW_SCHEDULE)
    _, budget = call("POST", "/api/alerts/budgets", {"monthly_limit_usd": 1})
    _, alerts = call("GET", "/api/alerts", None)
    return {"schedule": schedule["data"]["id"], "budget": budget["data"]["id"], "alert": alerts["data"][0]["id"]}


@pytest.mark.parametrize("path", GETS)
def test_what_a_call_answers_has_the_names_and_types_of_the_contract(
    call: Call, made: dict[str, int], path: str
) -> None:
    status, answer = call("GET", path, None)
    assert (status, answer["error"]) == (200, None)
    assert list(problems(answer["data"], GETS[path])) == []


def test_with_dates_the_three_sums_of_the_overview_are_those_of_the_range(call: Call) -> None:
    _, answer = call("GET", "/api/overview?start_date=2020-01-01", None)
    _, summary = call("GET", "/api/spend/summary", None)
    sums = [answer["data"][name] for name in ("spend_today", "spend_this_week", "spend_this_month")]
    assert sums == [summary["data"]["total_spend"]] * 3
    assert sums[0] > 0


def test_every_call_that_reads_is_in_the_table() -> None:
    asked = [path.partition("?")[0] for path in GETS]
    routes = [route.path for route in ROUTES if route.method == "GET" and route.path.startswith("/api/")]
    left = [path for path in routes if not any(_matches(path, one) for one in asked)]
    assert left == ["/api/reports/executive/export"]  # a file


def _matches(pattern: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{.*?\}", "[^/]+", pattern), path) is not None


def test_every_call_that_writes_is_in_the_table() -> None:
    asked = {(write.method, re.sub(r"\{.*?\}", "{id}", write.path)) for write in [*WRITES, *REFUSED]}
    assert {(route.method, route.path) for route in ROUTES if route.method != "GET"} <= asked


@pytest.mark.parametrize("write", WRITES, ids=lambda write: f"{write.method} {write.path}")
def test_what_a_write_answers_too(call: Call, made: dict[str, int], write: Write) -> None:
    path = write.path
    if write.method == "DELETE":  # each test has one of its own
        new = next(other for other in WRITES if other.method == "POST" and path.startswith(other.path))
        made = {name: call("POST", new.path, new.body)[1]["data"]["id"] for name in made}
    status, answer = call(write.method, path.format(**made), write.body)
    assert (status, answer["error"]) == (write.status, None)
    assert list(problems(answer["data"], write.shape)) == []


@pytest.mark.parametrize("write", REFUSED, ids=lambda write: f"{write.method} {write.path} {write.status}")
def test_an_error_says_what_is_wrong_and_nothing_else(call: Call, write: Write) -> None:
    status, answer = call(write.method, write.path, write.body)
    assert (status, answer["data"]) == (write.status, None)
    assert list(problems(answer["error"], text)) == []


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ({}, {"a": text}),
        ({"a": 1}, {"a": text}),
        ({"a": True}, {"a": whole}),
        ({"a": 1.0}, {"a": whole}),
        ({"a": "1"}, {"a": number}),
        ([], [text]),
        ([{"a": None}], [{"a": (time, day)}]),
        ({"x": None}, MapOf(usd)),
        ([], MapOf(usd)),
        ("2026-02-03 00:00", day),
    ],
)
def test_a_missing_field_or_another_type_is_found(value: Any, shape: Shape) -> None:
    assert len(list(problems(value, shape))) == 1
    assert list(problems({"a": "x", "more": 1}, {"a": text})) == []
