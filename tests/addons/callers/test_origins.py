"""Test which requests of web pages are served, by what browsers and programs send."""

import socket

import pytest

from addons.callers.origins import (
    HEADERS,
    NO_ORIGIN,
    OF_BROWSERS,
    OTHER_HOST,
    OTHER_ORIGIN,
    is_own_host,
    own_names,
    preflight,
    refusal,
    shared,
)

APP = "https://app.example.com"
ALLOWED = (APP, "http://modeltrack.internal:8080", "app://obsidian.md", "file://")
REBOUND = "evil.com:8080"


def asked(**headers: str) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in {"host": "localhost:8080", **headers}.items()}


def link(**headers: str) -> dict[str, str]:
    return asked(sec_fetch_site="cross-site", sec_fetch_mode="navigate", sec_fetch_dest="document", **headers)


PROGRAMS = {
    "curl, Python, Go, Java": asked(accept="*/*", user_agent="curl/8"),
    "under any name": asked(host="modeltrack.svc.cluster.local:8080"),
    "without a Host": asked(host=""),
    "Node's fetch": asked(host="modeltrack:8080", accept_language="*", sec_fetch_mode="cors", user_agent="node"),
    "Swift, under a name of this machine": asked(accept_language="en-GB"),
}


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("headers", PROGRAMS.values(), ids=PROGRAMS)
def test_programs_pass(method: str, headers: dict[str, str]) -> None:
    assert refusal(method, headers, ()) == ""


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_a_request_without_any_header_of_browsers_always_passes(method: str) -> None:
    everything = {name: "evil.com" for name in HEADERS - OF_BROWSERS}
    assert refusal(method, everything, ()) == "" and preflight(method, everything, ALLOWED) is None


OWN_PAGES = {
    "a typed address": asked(sec_fetch_site="none"),
    "the page's own GET": asked(sec_fetch_site="same-origin"),
    "its POST": asked(origin="http://localhost:8080", sec_fetch_site="same-origin"),
    "by an address": asked(host="10.1.2.3:8080", origin="http://10.1.2.3:8080"),
    "by an IPv6 address": asked(host="[::1]:8080", origin="http://[::1]:8080"),
    "in other letter case": asked(host="LocalHost:8080", origin="http://localhost:8080"),
    "the default port": asked(host="localhost", origin="http://localhost"),
    "a default port in Host": asked(host="localhost:80", origin="http://localhost"),
    "TLS in front": asked(host="127.0.0.1", origin="https://127.0.0.1"),
    "a name below localhost": asked(host="modeltrack.localhost:8080", sec_fetch_site="same-origin"),
    "this machine's name": asked(host=f"{socket.gethostname()}:8080", sec_fetch_site="same-origin"),
    "a program's WebSocket": asked(origin="http://localhost:8080", upgrade="websocket"),
    "by a plain browser": asked(accept_language="en"),
}


@pytest.mark.parametrize("headers", OWN_PAGES.values(), ids=OWN_PAGES)
def test_pages_of_the_own_origin_pass(headers: dict[str, str]) -> None:
    assert refusal("GET", headers, ()) == ""


OTHER_PAGES = {
    "another site": asked(origin="https://evil.com", sec_fetch_site="cross-site"),
    "another site, old browser": asked(origin="https://evil.com"),
    "another site, no CORS": asked(sec_fetch_site="cross-site", sec_fetch_mode="no-cors", sec_fetch_dest="image"),
    "another port": asked(origin="http://localhost:3000", sec_fetch_site="same-site"),
    "another port, old browser": asked(origin="http://localhost:3000"),
    "another name of this machine": asked(host="127.0.0.1:8080", origin="http://localhost:8080"),
    "a frame": asked(sec_fetch_site="cross-site", sec_fetch_mode="navigate", sec_fetch_dest="iframe"),
    "an unknown relation": asked(sec_fetch_site="whatever"),
    "it claims to be the same": asked(origin="http://localhost:8080", sec_fetch_site="cross-site"),
    "an extension": asked(origin="chrome-extension://abcdef", sec_fetch_site="none"),
    "no scheme": asked(origin="localhost:8080"),
    "several": asked(origin=f"{APP}, https://evil.com"),
    "malformed": asked(origin="http://[bad"),
    "a longer name": asked(origin=APP + ".evil.com"),
    "a shorter one": asked(origin="https://example.com"),
    "another scheme": asked(origin="http://app.example.com"),
    "another port of an allowed one": asked(origin=APP + ":8443"),
}


@pytest.mark.parametrize("headers", OTHER_PAGES.values(), ids=OTHER_PAGES)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_pages_of_other_origins_are_refused(method: str, headers: dict[str, str]) -> None:
    assert refusal(method, headers, ALLOWED) == OTHER_ORIGIN
    assert "ALLOWED_ORIGINS" in OTHER_ORIGIN


@pytest.mark.parametrize("allowed", [(), ALLOWED])
def test_pages_without_an_origin_are_refused_whatever_is_allowed(allowed: tuple[str, ...]) -> None:
    assert refusal("GET", asked(origin="null"), allowed) == NO_ORIGIN


REBOUND_PAGES = {
    "GET": ("GET", asked(host=REBOUND, accept_language="en")),
    "HEAD": ("HEAD", asked(host=REBOUND, accept_language="en")),
    "GET with the header made empty": ("GET", asked(host=REBOUND, accept_language="")),
    "GET by https": ("GET", asked(host=REBOUND, sec_fetch_site="same-origin", accept_language="en")),
    "typed, by https": ("GET", asked(host=REBOUND, sec_fetch_site="none")),
    "POST": ("POST", asked(host=REBOUND, origin="http://evil.com:8080")),
    "WebSocket": ("GET", asked(host=REBOUND, origin="http://evil.com:8080", upgrade="websocket")),
    "a link": ("GET", link(host=REBOUND)),
    "localhost in its name": ("GET", asked(host="localhost.evil.com", accept_language="en")),
    "an address in its name": ("GET", asked(host="127.0.0.1.evil.com", accept_language="en")),
    "no name": ("GET", asked(host="", accept_language="en")),
    "two names": ("GET", asked(host="localhost, evil.com", accept_language="en")),
    "a user": ("GET", asked(host="localhost@evil.com", accept_language="en")),
}


@pytest.mark.parametrize(("method", "headers"), REBOUND_PAGES.values(), ids=REBOUND_PAGES)
def test_a_page_whose_name_leads_here_is_refused(method: str, headers: dict[str, str]) -> None:
    assert refusal(method, headers, ()) == OTHER_HOST
    assert "ALLOWED_ORIGINS" in OTHER_HOST


def test_a_host_name_that_the_settings_give_this_machine_passes() -> None:
    headers = asked(host="modeltrack.corp:8080", origin="http://modeltrack.corp:8080")
    assert refusal("POST", headers, (), ("modeltrack.corp",)) == ""


@pytest.mark.parametrize("origin", [APP, APP.upper(), "app://obsidian.md", "file://"])
@pytest.mark.parametrize("host", ["localhost:8080", "anything.example"])
def test_pages_of_allowed_origins_pass(origin: str, host: str) -> None:
    assert refusal("POST", asked(host=host, origin=origin, sec_fetch_site="cross-site"), ALLOWED) == ""


@pytest.mark.parametrize("site", ["same-origin", "none", ""])
def test_the_host_of_an_allowed_origin_is_a_name_behind_a_proxy_in_front(site: str) -> None:
    headers = asked(host="app.example.com", sec_fetch_site=site, accept_language="en")
    assert refusal("GET", headers, ALLOWED) == ""
    assert refusal("GET", asked(host="obsidian.md", accept_language="en"), ALLOWED) == OTHER_HOST


def test_a_followed_link_passes() -> None:
    assert refusal("GET", link(), ()) == ""
    assert refusal("POST", link(), ()) == OTHER_ORIGIN


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("localhost", True),
        ("localhost.", True),
        ("localhost:", True),
        ("::1", False),
        ("[::1]", True),
        ("[fe80::1]:8080", True),
        ("[localhost]", False),
        ("0x7f.1", False),
        ("127.0.0.1:8080:1", False),
        ("a.b.localhost", True),
        ("notlocalhost", False),
        ("", False),
        (":8080", False),
    ],
)
def test_a_host_is_an_address_or_a_name_of_this_machine(host: str, is_own: bool) -> None:
    assert is_own_host(host) is is_own


def test_this_machine_has_its_name_with_and_without_the_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Box.corp.example")
    own_names.cache_clear()
    assert own_names() == {"localhost", "box.corp.example", "box", "box.local"}
    own_names.cache_clear()


def ask_first(**more: str) -> dict[str, str]:
    return asked(origin=APP, access_control_request_method="POST", **more)


def test_a_browser_that_asks_first_is_told_what_an_allowed_page_may_send() -> None:
    names = "authorization,content-type,x-modeltrack-team"
    assert preflight("OPTIONS", ask_first(access_control_request_headers=names), ALLOWED) == {
        "Access-Control-Allow-Origin": APP,
        "Access-Control-Max-Age": "600",
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": names,
        "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
    }
    private = preflight("OPTIONS", ask_first(access_control_request_private_network="true"), ALLOWED)
    assert private and private["Access-Control-Allow-Private-Network"] == "true"


@pytest.mark.parametrize("names", ["a\r\nSet-Cookie: x", "a b", "a;b", ""])
def test_what_is_no_list_of_names_is_not_sent_back(names: str) -> None:
    found = preflight("OPTIONS", ask_first(access_control_request_headers=names), ALLOWED)
    assert found is not None and "Access-Control-Allow-Headers" not in found


@pytest.mark.parametrize(
    ("method", "headers", "allowed"),
    [
        ("POST", ask_first(), ALLOWED),
        ("OPTIONS", asked(origin=APP), ALLOWED),
        ("OPTIONS", ask_first(), ()),
        ("OPTIONS", asked(access_control_request_method="POST"), ALLOWED),
    ],
)
def test_what_is_no_such_question_of_an_allowed_page_is_not_answered(
    method: str, headers: dict[str, str], allowed: tuple[str, ...]
) -> None:
    assert preflight(method, headers, allowed) is None


@pytest.mark.parametrize(
    ("vary", "expected"),
    [("", "Origin"), ("Accept-Encoding", "Accept-Encoding, Origin"), ("accept, origin", "accept, origin"), ("*", "*")],
)
def test_an_allowed_page_may_read_its_answer(vary: str, expected: str) -> None:
    found = shared(APP, ALLOWED, vary)
    assert found["Access-Control-Allow-Origin"] == APP and found["Access-Control-Expose-Headers"] == "*"
    assert found["Vary"] == expected


@pytest.mark.parametrize("origin", ["", "null", "https://evil.com"])
def test_no_other_page_may(origin: str) -> None:
    assert shared(origin, ALLOWED) == {}
