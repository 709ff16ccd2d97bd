"""Test which answer a request gets: routes, parameters, faults, tags, compression, and waiting for the log."""

import gzip
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from modeltrack_api.app import App
from modeltrack_api.web.dispatch import Dispatcher
from tests.modeltrack_api.serving import TOKEN, error, opened, settings
from tests.modeltrack_api.web.asking import ask, data
from tests.modeltrack_api.web.conftest import ROUTES


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
    assert ask(Dispatcher(app, ROUTES), "/api/show").status == 200
    app.close()


def test_a_call_does_not_wait_for_the_database_for_ever(tmp_path: Path) -> None:
    with opened(App(settings(tmp_path))) as app:
        app.follower.ready.wait(60)
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
            done.wait(60)

    thread = threading.Thread(target=run)
    thread.start()
    taken.wait(60)
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_a_log_that_cannot_be_read_is_said_to_be_so(api: Dispatcher, monkeypatch: pytest.MonkeyPatch, app: App) -> None:
    app.follower.ready.wait(60)

    def broken(*_: object) -> bool:
        raise PermissionError("cost_events.jsonl")

    monkeypatch.setattr(app.ingest, "catch_up", broken)
    answer = ask(api, "/api/show")
    assert (answer.status, error(answer.body)) == (503, "the event log cannot be read; the log says why")
