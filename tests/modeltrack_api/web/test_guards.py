"""Test who may send requests, and from where."""

from collections.abc import Iterator

import pytest

from modeltrack_api.app import App
from modeltrack_api.web.dispatch import Dispatcher
from modeltrack_api.web.messages import Request
from tests.modeltrack_api.serving import TOKEN, error, opened, settings
from tests.modeltrack_api.web.asking import HOST, JSON, ask
from tests.modeltrack_api.web.conftest import ROUTES


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


@pytest.mark.parametrize("target", ["/", "/api/health", "/nope", "/api/fail"])
def test_every_answer_has_the_headers_that_protect_a_browser(api: Dispatcher, target: str) -> None:
    headers = ask(api, target).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
    assert not [name for name in headers if name.startswith("Access-Control")]
