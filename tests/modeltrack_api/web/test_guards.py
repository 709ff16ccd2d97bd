"""Test who may send requests, and from where."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from modeltrack_api.app import App
from modeltrack_api.web.dispatch import Dispatcher
from modeltrack_api.web.messages import Request
from tests.modeltrack_api.serving import TOKEN, error, opened, settings
from tests.modeltrack_api.web.asking import HOST, JSON, ask
from tests.modeltrack_api.web.conftest import ROUTES

APP = "https://app.example.com"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:3001", "[::1]:3001", "127.0.0.2"])
def test_on_loopback_this_machines_names_are_answered(api: Dispatcher, host: str) -> None:
    assert ask(api, "/api/health", host=host).status == 200


@pytest.mark.parametrize(
    "host", ["", "evil.com", "evil.com:3001", "localhost.evil.com", "127.0.0.1.evil.com", "localhost, evil.com"]
)
def test_on_loopback_another_name_is_refused(api: Dispatcher, host: str) -> None:
    for target in ("/api/health", "/metrics", "/", "/nope"):
        answer = ask(api, target, host=host)
        assert (answer.status, error(answer.body)[:30]) == (403, "this address answers to this m")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dispatcher]:
    """An API that the network can reach, behind a proxy in front that has a name of its own."""
    with opened(App(settings(tmp_path_factory.mktemp("data"), host="0.0.0.0", allowed_origins=(APP,)))) as app:
        yield Dispatcher(app, ROUTES)


def test_elsewhere_programs_may_use_any_name(elsewhere: Dispatcher) -> None:
    assert ask(elsewhere, "/api/health", host="modeltrack.internal").status == 200


@pytest.mark.parametrize("target", ["/api/show", "/metrics", "/"])
def test_elsewhere_browsers_may_use_its_addresses_and_the_names_it_was_given(
    elsewhere: Dispatcher, target: str
) -> None:
    for host, status in {"evil.com": 403, "evil.com:3001": 403, "10.0.0.1:3001": 200, "app.example.com": 200}.items():
        assert ask(elsewhere, target, host=host, accept_language="en").status == status
        assert ask(elsewhere, target, host=host, sec_fetch_site="same-origin").status == status


def test_on_loopback_too_an_allowed_origins_host_is_a_name(tmp_path: Path) -> None:
    with opened(App(settings(tmp_path, allowed_origins=(APP,)))) as app:
        assert ask(Dispatcher(app, ROUTES), "/api/health", host="app.example.com").status == 200


def test_an_allowed_page_may_read_and_write(elsewhere: Dispatcher) -> None:
    page = {"origin": APP, "sec_fetch_site": "cross-site"}
    asks = {"access_control_request_method": "DELETE", "access_control_request_headers": "authorization"}
    first = ask(elsewhere, "/api/alerts/1", "OPTIONS", **page, **asks)
    assert (first.status, first.headers["Access-Control-Allow-Origin"]) == (204, APP)
    assert first.headers["Access-Control-Allow-Headers"] == "authorization"
    large = ask(elsewhere, "/api/large", **page)
    answers = [
        large,
        *(ask(elsewhere, target, **page) for target in ("/api/show", "/nope", "/api/fail", "/api/show?x=1")),
    ]
    written = ask(elsewhere, "/api/made", "POST", b"{}", content_type="application/json", **page)
    assert [answer.status for answer in (*answers, written)] == [200, 200, 404, 500, 400, 201]
    for answer in (*answers, written):
        assert answer.headers["Access-Control-Allow-Origin"] == APP
        assert "Origin" in answer.headers["Vary"]
    assert large.headers["Vary"] == "Accept-Encoding, Origin"


def test_a_token_is_not_needed_to_ask_first(tmp_path: Path) -> None:
    with opened(App(settings(tmp_path, allowed_origins=(APP,), token=TOKEN))) as app:
        api, page = Dispatcher(app, ROUTES), {"origin": APP, "access_control_request_method": "GET"}
        assert ask(api, "/api/show", "OPTIONS", **page).status == 204
        refused = ask(api, "/api/show", **page)
        assert (refused.status, refused.headers["Access-Control-Allow-Origin"]) == (401, APP)


def test_other_pages_get_no_answer_that_they_may_read(elsewhere: Dispatcher) -> None:
    for method in ("GET", "OPTIONS", "POST", "DELETE"):
        answer = ask(elsewhere, "/api/show", method, origin="https://evil.com", access_control_request_method=method)
        assert answer.status == 403 and "ALLOWED_ORIGINS" in error(answer.body)
        assert not [name for name in answer.headers if name.startswith("Access-Control")]


def test_a_request_of_another_page_is_refused_though_it_only_reads(api: Dispatcher) -> None:
    assert ask(api, "/api/show", origin="http://evil.com", sec_fetch_site="cross-site").status == 403
    assert ask(api, "/api/show", sec_fetch_site="cross-site").status == 403


def test_a_link_to_the_dashboard_may_be_followed(api: Dispatcher) -> None:
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert ask(api, "/", sec_fetch_dest="document", **link).status == 200
    assert ask(api, "/", sec_fetch_dest="iframe", **link).status == 403


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
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("target", ["/", "/api/health", "/nope", "/api/fail"])
def test_every_answer_has_the_headers_that_protect_a_browser(api: Dispatcher, target: str) -> None:
    headers = ask(api, target).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
    assert not [name for name in headers if name.startswith("Access-Control")]
