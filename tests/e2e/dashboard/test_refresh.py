"""Test that the dashboard refreshes itself, and says so while it cannot."""

import json

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.browser import CHROMIUM
from tests.e2e.conftest import Proxy
from tests.e2e.dashboard.data import call
from tests.e2e.dashboard.tab import Dashboard

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium: apt-get install chromium")


def test_the_tail_shows_calls_as_they_come_unless_it_is_paused(fresh: Dashboard, source: Proxy) -> None:
    fresh.page.clock.install()
    page = fresh.open("live")
    call(source, "platform", "just-now", "live-session")
    page.clock.fast_forward(3100)
    expect(page.get_by_role("row").filter(has_text="just-now")).to_contain_text("1,200")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Go on")).to_be_visible()
    call(source, "platform", "while-paused")
    page.get_by_role("button", name="Refresh").click()
    fresh.loaded()
    assert page.get_by_text("while-paused").count() == 0
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("while-paused")).to_be_visible()


def hide(page: Page, is_hidden: bool) -> None:
    page.evaluate(
        "(is) => { Object.defineProperty(document, 'hidden', { value: is, configurable: true });"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        is_hidden,
    )


def test_it_refreshes_itself_while_it_is_seen(fresh: Dashboard) -> None:
    fresh.page.clock.install()
    page = fresh.open("models")
    with page.expect_response("**/api/models"):
        page.clock.fast_forward(31_000)
    fresh.loaded()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    hide(page, True)
    page.clock.run_for(120_000)
    assert asked == []
    with page.expect_response("**/api/models"):
        hide(page, False)


def test_while_the_api_is_away_it_says_so_and_asks_less_and_less(fresh: Dashboard) -> None:
    def fail(route: Route) -> None:
        route.abort("connectionrefused")

    fresh.page.clock.install()
    page = fresh.open("models")
    page.route("**/api/**", fail)
    for seconds in (30, 60, 120):
        page.clock.run_for(seconds * 1000 // (1 if seconds == 30 else 2) + 1000)
        expect(page.locator("#fresh")).to_have_text(f"The API does not answer. Trying again in {seconds} s.")
    expect(page.locator("main")).to_contain_text("gpt-4o")
    page.get_by_role("link", name="Features").click()
    expect(page.get_by_role("alert")).to_contain_text("python -m modeltrack_api")
    page.unroute("**/api/**")
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator("main")).to_contain_text("rerank")
    fresh.expect("ERR_CONNECTION_REFUSED")


def test_while_the_log_is_first_read_it_comes_back_when_the_api_says(fresh: Dashboard) -> None:
    def busy(route: Route) -> None:
        body = json.dumps({"data": None, "error": "the event log is still being read"})
        route.fulfill(status=503, headers={"Retry-After": "5"}, body=body, content_type="application/json")

    page = fresh.page
    page.clock.install()
    page.route("**/api/**", busy)
    fresh.open("models")
    expect(page.get_by_role("alert")).to_contain_text("the event log is still being read")
    page.unroute("**/api/**")
    page.clock.fast_forward(5100)
    expect(page.locator("main")).to_contain_text("gpt-4o")
    fresh.expect("status of 503")
