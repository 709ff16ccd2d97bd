"""Test the dashboard's filters, which are in the page's address."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from addons.ledger.money import NANOS_PER_USD, format_usd
from modeltrack_api.app import utc_now
from tests.e2e.browser import CHROMIUM
from tests.e2e.dashboard.data import data_of
from tests.e2e.dashboard.tab import Dashboard, api
from tests.modeltrack_api.serving import append, event

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium: apt-get install chromium")


def test_filters_are_in_the_url_and_survive_a_reload(dashboard: Dashboard) -> None:
    page = dashboard.open("models")
    [spent] = {team["total_spend"] for team in data_of(dashboard.url, "/api/teams") if team["team"] == "support"}
    everything = dashboard.stat("Spend")
    page.get_by_label("Team", exact=True).select_option(label="support")
    shown = format_usd(round(spent * NANOS_PER_USD))
    expect(page.locator(".stat dd").first).to_have_text(re.compile("^" + re.escape(shown)))
    assert shown != everything and page.url.endswith("#/models?team=support")
    page.reload()
    dashboard.loaded()
    assert dashboard.stat("Spend") == shown
    expect(page.get_by_label("Team", exact=True)).to_have_value("=support")
    page.get_by_role("link", name="Features").click()
    expect(page.locator("main")).to_contain_text("classify")
    expect(page.locator("main")).not_to_contain_text("rerank")
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("main")).to_contain_text("rerank")
    page.go_back()
    expect(page.locator("main")).not_to_contain_text("rerank")


def test_dates_are_a_span_up_to_today_or_any_days(dashboard: Dashboard) -> None:
    page = dashboard.open("overview")
    page.get_by_label("Dates").select_option(label="Today")
    expect(page.locator("main")).to_contain_text("Spend in these dates")
    assert page.url.endswith("?range=today")
    page.get_by_label("Dates").select_option(label="Custom…")
    first, last = (f"{utc_now() - timedelta(days=days):%Y-%m-%d}" for days in (9, 5))
    page.get_by_label("From", exact=True).fill(first)
    page.get_by_label("To", exact=True).fill(last)
    expect(page).to_have_url(re.compile(rf"start_date={first}&end_date={last}"))
    dashboard.loaded()
    wanted = data_of(dashboard.url, f"/api/overview?start_date={first}&end_date={last}")
    expect(page.locator(".stat dd").nth(1)).to_have_text(f"{wanted['total_requests']:,}")


def test_calls_without_a_team_are_a_choice_of_their_own(dashboard: Dashboard) -> None:
    page = dashboard.open("models")
    page.get_by_label("Team", exact=True).select_option(label="(none)")
    wanted = data_of(dashboard.url, "/api/overview?team=")["total_requests"]
    expect(page.locator(".stat dd").nth(1)).to_have_text(str(wanted))


def test_a_user_is_a_filter_of_every_view_that_shows_calls(dashboard: Dashboard) -> None:
    page = dashboard.open("users")
    page.get_by_label("User", exact=True).select_option(label="ann")
    expect(page.get_by_role("region", name="Users", exact=True).locator("tbody tr")).to_have_count(1)
    expect(page.locator("main")).to_contain_text("None of these calls has a key.")
    page.get_by_role("link", name="ann", exact=True).click()
    assert page.url.endswith("#/sessions?user=ann")
    expect(page.get_by_role("region", name="Sessions").locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Live").click()
    rows = page.get_by_role("region", name="Events, newest first").locator("tbody tr")
    expect(rows).to_have_count(data_of(dashboard.url, "/api/overview?user=ann")["total_requests"])
    page.reload()
    dashboard.loaded()
    expect(page.get_by_label("User", exact=True)).to_have_value("=ann")
    page.get_by_role("button", name="Reset").click()
    expect(page.get_by_label("User", exact=True)).to_have_value("")


def test_a_key_leads_from_the_list_of_keys_to_its_calls(dashboard: Dashboard) -> None:
    page = dashboard.open("users")
    page.get_by_role("region", name="Keys", exact=True).get_by_role("link", name="lab-1").click()
    assert page.url.endswith("#/live?key_id=lab-1")
    cells = page.get_by_role("region", name="Events, newest first").locator("tbody tr td:nth-child(4)")
    expect(cells).to_have_text(["lab-1"] * data_of(dashboard.url, "/api/overview?key_id=lab-1")["total_requests"])


def test_where_no_call_has_a_user_or_a_key_there_are_no_filters_for_them(chromium: Browser, tmp_path: Path) -> None:
    append(tmp_path / "cost_events.jsonl", event())
    with api(tmp_path) as url, chromium.new_context() as context:
        page = Dashboard(context, url).open("overview")
        expect(page.get_by_label("Team", exact=True)).to_be_visible()
        for label in ("User", "Key"):
            expect(page.get_by_label(label, exact=True)).to_have_count(0)
        expect(page.locator("main")).not_to_contain_text("Top users")


def test_a_wrong_date_in_the_url_says_what_to_do(dashboard: Dashboard) -> None:
    page = dashboard.open("models?start_date=yesterday")
    expect(page.get_by_role("alert")).to_contain_text("start_date: 'yesterday' is not allowed")
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("main")).to_contain_text("gpt-4o")
    dashboard.expect("status of 400")
