import gzip
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from modeltrack_api.app import App
from modeltrack_api.routes import health
from modeltrack_api.web import params
from modeltrack_api.web.dispatch import Dispatcher, Route
from modeltrack_api.web.handler import ApiError, Ask, Reply
from modeltrack_api.web.messages import Answer, Request
from tests.modeltrack_api.serving import TOKEN, error, opened, settings


def show(ask: Ask) -> dict[str, Any]:
    return {"args": dict(ask.args), "team": ask.filters.team, "window": list(ask.window), "body": ask.body}


def fail(ask: Ask) -> None:
    raise RuntimeError(f"with {TOKEN}")


def teapot(ask: Ask) -> None:
    raise ApiError(400, "no tea")


ROUTES = [
    Route("GET", "/api/health", health, catches_up=False),
    Route("GET", "/api/show", show, (params.Param("limit", params.LIMIT, 100),), window=True, filters=("team",)),
    Route("POST", "/api/show", show, takes_body=True),
    Route("GET", "/api/features/{name}", show, (params.Param("name", params.TEXT),)),
    Route("DELETE", "/api/alerts/{id}", show, (params.Param("id", params.ID),)),
    Route("PATCH", "/api/alerts/{id}/dismiss", show, (params.Param("id", params.ID),)),
    Route("PATCH", "/api/alerts/restore-all", show),
    Route("GET", "/api/large", lambda _: ["x" * 2000]),
    Route("GET", "/api/fail", fail),
    Route("GET", "/api/teapot", teapot),
    Route("GET", "/api/file", lambda _: Reply(b"a,b", content_type="text/csv", headers={"Content-Disposition": "x"})),
    Route("POST", "/api/made", lambda _: Reply({"id": 1}, 201), takes_body=True),
    Route("GET", "/metrics", show, catches_up=False),
    Route("GET", "/", lambda _: Reply(b"<html>", content_type="text/html"), catches_up=False, any_query=True),
]
HOST = {"host": "localhost:3001"}
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with opened(App(settings(tmp_path_factory.mktemp("data")))) as app:
        yield app


@pytest.fixture
def api(app: App) -> Dispatcher:
    return Dispatcher(app, ROUTES)


def ask(api: Dispatcher, target: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.answer(Request(method, target, HOST | named, body))


def data(answer: Answer) -> Any:
    assert answer.status < 300, answer.body
    assert orjson.loads(answer.body)["error"] is None
    return orjson.loads(answer.body)["data"]


def test_what_a_handler_returns_goes_out_in_the_envelope(api: Dispatcher) -> None:
    answer = ask(api, "/api/show?team=a%20b&limit=7&start_date=1970-01-02&end_date=1970-01-02")
    assert data(answer) == {
        "args": {"limit": 7},
        "team": "a b",
        "window": [86_400_000_000, 172_800_000_000],
        "body": None,
    }
    assert answer.content_type == "application/json"


def test_a_part_of_the_path_is_decoded_and_checked(api: Dispatcher) -> None:
    assert data(ask(api, "/api/features/a%2Fb%20%C3%A9"))["args"] == {"name": "a/b é"}
    assert data(ask(api, "/api/alerts/12", "DELETE"))["args"] == {"id": 12}


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("/api/show?limit=0", "limit: '0' is not allowed: must be a whole number, from 1 to 1000"),
        ("/api/show?limit=", "limit: '' is not allowed: must be a whole number, from 1 to 1000"),
        ("/api/show?limit=1&limit=2", "parameter 'limit' is given twice"),
        ("/api/show?teams=a", "unknown parameter 'teams'; this call takes: limit, start_date, end_date, team"),
        ("/api/show?limit", "limit: '' is not allowed: must be a whole number, from 1 to 1000"),
        ("/api/show?team=%ff", "the query is not UTF-8"),
        ("/api/show?team=%00", "team: '\\x00' is not allowed: must be at most 256 characters on one line"),
        ("/api/show?" + "&".join(f"a{n}" for n in range(60)), "more than 50 parameters"),
        ("/api/features/a?x=1", "unknown parameter 'x'; this call takes: none"),
        ("/api/features/a?name=b", "unknown parameter 'name'; this call takes: none"),
        ("/api/features/%ff", "the path is not UTF-8"),
        ("/api/show?start_date=2026-02-02&end_date=2026-02-01", "start_date is after end_date"),
        ("http://localhost/api/show", "the path must begin with / and be percent-encoded"),
        ("*", "the path must begin with / and be percent-encoded"),
        ("/api/caf\xe9", "the path must begin with / and be percent-encoded"),
        ("/api/teapot", "no tea"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(api: Dispatcher, target: str, says: str) -> None:
    answer = ask(api, target)
    assert (answer.status, error(answer.body)) == (400, says)
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "target", ["/api", "/api/", "/api/show/", "/api/nope", "/api/alerts/1/2/3", "//", "/../x", "/x.js"]
)
def test_what_is_not_there_is_404(api: Dispatcher, target: str) -> None:
    answer = ask(api, target)
    assert (answer.status, error(answer.body)) == (404, "there is nothing at this path")


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        ("POST", "/api/health", "GET, HEAD"),
        ("OPTIONS", "/api/show", "GET, POST, HEAD"),
        ("GET", "/api/alerts/1/dismiss", "PATCH"),
        ("BREW", "/api/alerts/1", "DELETE"),
        ("HEAD", "/api/made", "POST"),
    ],
)
def test_a_method_that_a_path_does_not_take_is_405(api: Dispatcher, method: str, target: str, allow: str) -> None:
    answer = ask(api, target, method)
    assert (answer.status, answer.headers["Allow"]) == (405, allow)
    assert error(answer.body).startswith("this path takes ")


def test_a_fault_shows_nothing_of_itself(api: Dispatcher, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = ask(api, "/api/fail?", authorization=f"Bearer {TOKEN}")
    assert (answer.status, error(answer.body)) == (500, "internal error; the log says which")
    assert [record.getMessage() for record in caplog.records] == ["GET /api/fail failed"]


# Who may ask


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:3001", "[::1]:3001", "127.0.0.2"])
def test_on_loopback_this_machines_names_are_answered(api: Dispatcher, host: str) -> None:
    assert ask(api, "/api/health", host=host).status == 200


@pytest.mark.parametrize(
    "host", ["", "evil.com", "evil.com:3001", "localhost.evil.com", "127.0.0.1.evil.com", "10.0.0.1"]
)
def test_on_loopback_another_name_is_refused(api: Dispatcher, host: str) -> None:
    for target in ("/api/health", "/metrics", "/", "/nope"):
        answer = ask(api, target, host=host)
        assert (answer.status, error(answer.body)[:30]) == (403, "this address answers to localh")


def test_elsewhere_any_name_will_do(app: App) -> None:
    app_elsewhere = App(settings(app.settings.data_dir, host="0.0.0.0"))
    with opened(app_elsewhere):
        assert ask(Dispatcher(app_elsewhere, ROUTES), "/api/health", host="modeltrack.internal").status == 200


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dispatcher]:
    with opened(App(settings(tmp_path_factory.mktemp("data"), token=TOKEN))) as app:
        yield Dispatcher(app, ROUTES)


@pytest.mark.parametrize("target", ["/api/health", "/api/show", "/api/nope", "/metrics"])
def test_with_a_token_set_calls_need_it(guarded: Dispatcher, target: str) -> None:
    wrong = ("", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer", f"Bearer {TOKEN[:-1]}", "Bearer \xe9")
    for authorization in wrong:
        answer = ask(guarded, target, authorization=authorization)
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert TOKEN not in error(answer.body)
    assert ask(guarded, target, authorization=f"bearer {TOKEN}").status in (200, 404)


def test_the_dashboard_itself_needs_no_token(guarded: Dispatcher) -> None:
    assert ask(guarded, "/?v=2").body == b"<html>"


@pytest.mark.parametrize(
    ("method", "target", "body", "headers", "status"),
    [
        ("POST", "/api/made", b"{}", JSON, 201),
        ("POST", "/api/made", b"{}", {"content-type": "Application/JSON; charset=utf-8"}, 201),
        ("POST", "/api/made", b"{}", {}, 415),
        ("POST", "/api/made", b"{}", {"content-type": "text/plain"}, 415),
        ("POST", "/api/made", b"", {}, 415),
        ("PATCH", "/api/alerts/restore-all", b"", {}, 200),
        ("PATCH", "/api/alerts/restore-all", b"{}", {}, 415),
        ("DELETE", "/api/alerts/1", b"", {}, 200),
        ("DELETE", "/api/alerts/1", b"", {"origin": "http://localhost:3001"}, 200),
        ("DELETE", "/api/alerts/1", b"", {"origin": "http://localhost:3002"}, 403),
        ("DELETE", "/api/alerts/1", b"", {"origin": "null"}, 403),
        ("DELETE", "/api/alerts/1", b"", {"origin": "http://[bad"}, 403),
        ("POST", "/api/made", b"{}", JSON | {"sec-fetch-site": "same-origin"}, 201),
        ("POST", "/api/made", b"{}", JSON | {"sec-fetch-site": "cross-site"}, 403),
        ("POST", "/api/made", b"{}", JSON | {"sec-fetch-site": "same-site"}, 403),
        ("GET", "/api/show", b"", {"sec-fetch-site": "cross-site", "origin": "http://evil.com"}, 200),
        ("POST", "/api/made", b"", JSON, 400),
        ("POST", "/api/made", b"{", JSON, 400),
        ("POST", "/api/made", b"\xff", JSON, 400),
        ("POST", "/api/made", b"[" * 5000, JSON, 400),
    ],
)
def test_writes_are_json_and_from_here(
    api: Dispatcher, method: str, target: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = api.answer(Request(method, target, HOST | headers, body))
    assert answer.status == status
    assert answer.headers["Cache-Control"] == ("no-store" if method != "GET" else "private, no-cache")


def test_the_body_of_a_write_is_parsed(api: Dispatcher) -> None:
    assert data(ask(api, "/api/show", "POST", b'{"a": [1]}', content_type="application/json"))["body"] == {"a": [1]}


# How answers go out


def test_an_answer_that_is_known_is_not_sent_again(api: Dispatcher) -> None:
    tag = ask(api, "/api/large").headers["ETag"]
    zipped = ask(api, "/api/large", accept_encoding="gzip").headers["ETag"]
    assert tag != zipped
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*", zipped):
        answer = ask(api, "/api/large", if_none_match=known)
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", tag)
    for other in ('"other"', "", '""'):
        assert ask(api, "/api/large", if_none_match=other).status == 200


def test_another_answer_has_another_tag(api: Dispatcher) -> None:
    one, other = (ask(api, f"/api/show?limit={n}").headers["ETag"] for n in (1, 2))
    assert one != other
    assert ask(api, "/api/show?limit=1").headers["ETag"] == one


def test_errors_and_writes_have_no_tag(api: Dispatcher) -> None:
    for answer in (ask(api, "/nope"), ask(api, "/api/show", "POST", b"1", content_type="application/json")):
        assert "ETag" not in answer.headers


@pytest.mark.parametrize(
    ("accepts", "is_zipped"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("*", True),
        ("gzip; q=0", False),
        ("gzip;q=0.0", False),
        ("br", False),
        ("", False),
    ],
)
def test_a_large_answer_is_compressed_for_those_who_take_it(api: Dispatcher, accepts: str, is_zipped: bool) -> None:
    answer = ask(api, "/api/large", accept_encoding=accepts)
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert (answer.headers.get("Content-Encoding") == "gzip") == is_zipped
    body = gzip.decompress(answer.body) if is_zipped else answer.body
    assert orjson.loads(body)["data"] == ["x" * 2000]


def test_a_small_answer_is_not_compressed(api: Dispatcher) -> None:
    assert "Content-Encoding" not in ask(api, "/api/health", accept_encoding="gzip").headers


def test_a_file_goes_out_as_it_is(api: Dispatcher) -> None:
    answer = ask(api, "/api/file")
    assert (answer.body, answer.content_type, answer.headers["Content-Disposition"]) == (b"a,b", "text/csv", "x")


@pytest.mark.parametrize("target", ["/", "/api/health", "/nope", "/api/fail"])
def test_every_answer_has_the_headers_that_protect_a_browser(api: Dispatcher, target: str) -> None:
    headers = ask(api, target).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
    assert not [name for name in headers if name.startswith("Access-Control")]


# While the log is read


def test_until_the_log_is_read_calls_wait_a_while_and_are_then_sent_away(tmp_path: Path) -> None:
    app = App(settings(tmp_path))
    app.open()
    api = Dispatcher(app, ROUTES, patience=0.05)
    answer = ask(api, "/api/show")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert error(answer.body) == "the event log is still being read"
    assert ask(api, "/api/health").status == ask(api, "/metrics").status == 200
    app.follower.ready.set()
    assert ask(api, "/api/show").status == 200
    app.close()


def test_a_call_does_not_wait_for_the_database_for_ever(tmp_path: Path) -> None:
    with opened(App(settings(tmp_path))) as app:
        app.follower.ready.wait(10)
        app.follower.stop()
        held = hold(app)
        next(held)
        assert ask(Dispatcher(app, ROUTES, patience=0.05), "/api/show").status == 503
        held.close()


def hold(app: App) -> Iterator[None]:
    """Hold the lock of the ingest in another thread."""
    taken, done = threading.Event(), threading.Event()

    def run() -> None:
        with app.ingest.lock:
            taken.set()
            done.wait(10)

    thread = threading.Thread(target=run)
    thread.start()
    taken.wait(10)
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_a_log_that_cannot_be_read_is_said_to_be_so(api: Dispatcher, monkeypatch: pytest.MonkeyPatch, app: App) -> None:
    app.follower.ready.wait(10)

    def broken(*_: object) -> bool:
        raise PermissionError("cost_events.jsonl")

    monkeypatch.setattr(app.ingest, "catch_up", broken)
    answer = ask(api, "/api/show")
    assert (answer.status, error(answer.body)) == (503, "the event log cannot be read; the log says why")
