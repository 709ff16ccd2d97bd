"""Let pages of a real browser call a real proxy and a real API: a foreign page, a rebound one, an allowed one."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from demo.fake_provider.server import FakeProvider
from tests.e2e.browser import CHROMIUM, browser
from tests.e2e.conftest import KEY, PROMPT, Proxy
from tests.e2e.dashboard.tab import api

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium: apt-get install chromium")

BUDGETS = {"budgets": [{"team": "spent", "monthly_limit": 0.000001, "action": "block"}]}
# What a page gets: the status, some headers and the JSON; or that it gets nothing.
_CALL = """async ([url, init]) => {
    try {
        const answer = await fetch(url, init);
        const names = ["x-modeltrack-cache", "x-should-retry"];
        const headers = Object.fromEntries(names.map((name) => [name, answer.headers.get(name)]));
        return { status: answer.status, headers, text: await answer.text() };
    } catch (error) {
        return { status: 0, text: String(error) };
    }
}"""
_SOCKET = """(url) => new Promise((done) => {
    const socket = new WebSocket(url);
    socket.onopen = () => done("open");
    socket.onerror = () => done("refused");
})"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser to which every name below .test is this machine, as names are that somebody makes lead there."""
    with browser("host-resolver-rules=MAP *.test 127.0.0.1") as chromium:
        yield chromium


@pytest.fixture(scope="module", params=["true", "false"], ids=["fast dispatch", "without"])
def proxy(make_proxy: Callable[..., Proxy], fake: FakeProvider, request: pytest.FixtureRequest) -> Proxy:
    """A proxy with AWS credentials of its own, that a page of `app.test` at the fake provider's port may call."""
    return make_proxy(
        files={"budgets.json": BUDGETS},
        ALLOWED_ORIGINS=fake.url.replace("127.0.0.1", "app.test"),
        BEDROCK_ENDPOINT_URL=fake.url,
        AWS_ACCESS_KEY_ID="AKIAPROXY",
        AWS_SECRET_ACCESS_KEY="proxys",
        MODELTRACK_FAST_DISPATCH=request.param,
    ).ready()


def at(chromium: Browser, url: str, name: str) -> Page:
    """Return a page of this name at the port of the URL; what its server answered does not matter."""
    page = chromium.new_page()
    page.goto(f"{url.replace('127.0.0.1', name)}/nothing-here")
    return page


def call(page: Page, url: str, method: str = "GET", body: str = "", **headers: str) -> dict[str, Any]:
    init = {"method": method, "headers": headers} | ({"body": body} if body else {})
    found: dict[str, Any] = page.evaluate(_CALL, [url, init])
    return found


CHAT = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": PROMPT}]})
SIGNED = "AWS4-HMAC-SHA256 Credential=AKIACLIENT/x/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=00"


@pytest.fixture(scope="module")
def rebound(chromium: Browser, proxy: Proxy) -> Iterator[Page]:
    """A page whose own name leads to the proxy: to the browser it asks where it came from."""
    page = at(chromium, proxy.url, "rebound.test")
    yield page
    page.close()


@pytest.mark.parametrize("path", ["/stats", "/metrics", "/cache/stats", "/healthz", "/v1/models"])
def test_a_rebound_page_reads_nothing(rebound: Page, fake: FakeProvider, path: str) -> None:
    for headers in ({}, {"Accept-Language": ""}):
        found = call(rebound, path, **headers)
        assert found["status"] == 403 and "ALLOWED_ORIGINS" in found["text"] and "budgets" not in found["text"]
    assert calls(fake) == []


def test_a_rebound_page_cannot_use_the_proxys_aws_credentials(rebound: Page, proxy: Proxy, fake: FakeProvider) -> None:
    for path in ("/bedrock/v1/messages", "/bedrock/model/anthropic.claude-haiku-4-5-20251001-v1:0/converse"):
        found = call(rebound, path, "POST", '{"messages": []}', Authorization=SIGNED)
        assert found["status"] == 403 and "ALLOWED_ORIGINS" in found["text"]
    assert calls(fake) == [] and proxy.events() == []


def test_a_rebound_page_opens_no_socket(rebound: Page, proxy: Proxy) -> None:
    url = proxy.url.replace("http://127.0.0.1", "ws://rebound.test") + "/v1/responses"
    assert rebound.evaluate(_SOCKET, url) == "refused"


def calls(fake: FakeProvider) -> list[str]:
    """Return the paths that were asked for, but for the icon, which a browser wants of the server of its page."""
    return [request.path for request in fake.requests if request.path != "/favicon.ico"]


@pytest.fixture(scope="module")
def foreign(chromium: Browser, fake: FakeProvider, proxy: Proxy) -> Iterator[Page]:
    page = at(chromium, fake.url, "foreign.test")
    yield page
    page.close()


def test_a_foreign_page_gets_no_answer_and_reaches_no_provider(foreign: Page, proxy: Proxy, fake: FakeProvider) -> None:
    fake.clear()
    assert call(foreign, proxy.url + "/stats")["status"] == 0
    assert call(foreign, proxy.url + "/v1/chat/completions", "POST", CHAT)["status"] == 0  # without asking first
    assert call(foreign, proxy.url + "/v1/messages", "POST", CHAT, **{"x-api-key": KEY})["status"] == 0
    assert foreign.evaluate(_SOCKET, proxy.url.replace("http", "ws") + "/v1/responses") == "refused"
    assert calls(fake) == [] and proxy.events() == []


def test_an_allowed_page_calls_and_reads_its_answers(chromium: Browser, proxy: Proxy, fake: FakeProvider) -> None:
    page = at(chromium, fake.url, "app.test")
    url = proxy.url + "/v1/chat/completions"
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    found = call(page, url, "POST", CHAT, **headers, **{"X-ModelTrack-Team": "pages"})
    assert found["status"] == 200 and found["headers"]["x-modeltrack-cache"] == "MISS"
    assert call(page, url, "POST", CHAT, **headers)["headers"]["x-modeltrack-cache"] == "HIT"
    stream = call(page, url, "POST", CHAT.replace("{", '{"stream": true, ', 1), **headers)
    assert stream["status"] == 200 and "[DONE]" in stream["text"]
    refused = [
        call(page, url, "POST", "{", **headers),
        call(page, url, "POST", CHAT, **headers, **{"X-Fake": "status=418", "X-ModelTrack-No-Cache": "1"}),
        call(page, proxy.url + "/nowhere"),
        call(page, proxy.url + "/stats", "DELETE"),
    ]
    assert [each["status"] for each in refused] == [400, 418, 404, 405]
    assert page.evaluate(_SOCKET, proxy.url.replace("http", "ws") + "/v1/responses") == "open"
    page.close()


def test_an_allowed_page_reads_that_a_budget_is_spent(chromium: Browser, proxy: Proxy, fake: FakeProvider) -> None:
    page = at(chromium, fake.url, "app.test")
    headers = {"Authorization": f"Bearer {KEY}", "X-ModelTrack-Team": "spent", "X-ModelTrack-No-Cache": "1"}
    found = [call(page, proxy.url + "/v1/chat/completions", "POST", CHAT, **headers) for _ in range(2)]
    assert [each["status"] for each in found] == [200, 429]
    assert "budget_exceeded" in found[1]["text"] and found[1]["headers"]["x-should-retry"] == "false"
    page.close()


def test_the_own_page_of_the_proxy_may_call(chromium: Browser, proxy: Proxy) -> None:
    for name in ("127.0.0.1", "localhost"):
        page = at(chromium, proxy.url, name)
        assert call(page, "/stats")["status"] == 200
        assert call(page, "/v1/chat/completions", "POST", CHAT, Authorization=f"Bearer {KEY}")["status"] == 200
        page.close()


def test_the_api_serves_its_own_page_and_allowed_ones(chromium: Browser, proxy: Proxy, fake: FakeProvider) -> None:
    origin = fake.url.replace("127.0.0.1", "app.test")
    new = '{"team": "t", "daily_limit_usd": 1}'
    kind = {"Content-Type": "application/json"}
    with api(proxy.data, ALLOWED_ORIGINS=origin) as url:
        statuses = {}
        for name, page in {
            "allowed": at(chromium, fake.url, "app.test"),
            "foreign": at(chromium, fake.url, "foreign.test"),
            "own": at(chromium, url, "localhost"),
            "rebound": at(chromium, url, "rebound.test"),
        }.items():
            base = url if name in ("allowed", "foreign") else ""
            read = call(page, base + "/api/overview")
            write = call(page, base + "/api/alerts/budgets", "POST", new, **kind)
            statuses[name] = (read["status"], write["status"])
            page.close()
    assert statuses == {"allowed": (200, 201), "foreign": (0, 0), "own": (200, 201), "rebound": (403, 403)}
