"""Test the dashboard of an API with a token, without plotly, and without events."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser import CHROMIUM
from tests.e2e.dashboard.data import VIEWS
from tests.e2e.dashboard.tab import Dashboard, api
from tests.modeltrack_api.serving import TOKEN

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium: apt-get install chromium")


def test_the_token_is_asked_for_once(bare: Dashboard, tmp_path: Path) -> None:
    page = bare.page
    page.goto(bare.url)
    dialog = page.get_by_role("dialog", name="API token")
    dialog.get_by_label("Token", exact=True).fill("not-the-token")
    dialog.get_by_role("button", name="Continue").click()
    expect(dialog).to_contain_text("The API refused this token")
    dialog.get_by_label("Token", exact=True).fill(TOKEN)
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("claude-sonnet-4-6")
    page.reload()
    bare.open("reports")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    assert download.value.path().stat().st_size > 100
    expect(dialog).to_be_hidden()
    bare.expect("status of 401")


def test_without_plotly_every_view_has_its_tables(bare: Dashboard) -> None:
    bare.page.goto(bare.url)
    bare.page.get_by_label("Token", exact=True).fill(TOKEN)
    bare.page.keyboard.press("Enter")
    bare.loaded()
    for view, text, charts in VIEWS:
        page = bare.open(view)
        expect(page.locator("main")).to_contain_text(text)
        assert page.locator(".plot:visible").count() == 0
        expect(page.locator(".chart table:visible")).to_have_count(charts)
    bare.expect("status of 401")


def test_without_events_it_says_how_to_get_some(chromium: Browser, tmp_path: Path) -> None:
    with api(tmp_path) as url, chromium.new_context() as context:
        dashboard = Dashboard(context, url)
        for view in ("overview", "models", "teams", "features", "sessions", "prompts", "forecast", "live"):
            expect(dashboard.open(view).locator("main")).to_contain_text("mitmdump -s addons/main.py")
        assert dashboard.problems == []
