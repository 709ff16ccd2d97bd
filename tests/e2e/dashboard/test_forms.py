"""Test what the dashboard does for its user: estimates, reports, alerts, limits, schedules."""

import json
from pathlib import Path

import pytest
import requests
from playwright.sync_api import expect

from tests.e2e.browser import CHROMIUM
from tests.e2e.dashboard.tab import Dashboard
from tests.modeltrack_api.alerting.started import FakeSlack

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium: apt-get install chromium")


def test_an_estimate_is_what_the_api_says(dashboard: Dashboard) -> None:
    page = dashboard.open("estimator")
    expect(page.locator("main")).to_contain_text("A call")
    page.get_by_label("Model", exact=True).select_option(json.dumps(["openai", "gpt-4o"], separators=(",", ":")))
    for label, value in (("Input tokens a call", "2000"), ("Output tokens a call", "100"), ("Calls a day", "50")):
        page.get_by_label(label).fill(value)
    page.get_by_role("button", name="Estimate").click()
    expect(page.locator(".stat dd").first).to_have_text("$0.006")  # 2000 at 2.5 and 100 at 10, per million
    assert dashboard.stat("A month") == "$9.00"


def test_a_report_is_downloaded_as_csv(dashboard: Dashboard, tmp_path: Path) -> None:
    page = dashboard.open("reports?period=weekly")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    download.value.save_as(tmp_path / "report.csv")
    assert download.value.suggested_filename.startswith("modeltrack-weekly-report-")
    wanted = requests.get(dashboard.url + "/api/reports/executive/export?period=weekly&format=csv", timeout=10)
    assert (tmp_path / "report.csv").read_bytes() == wanted.content


def test_alerts_are_dismissed_and_restored(dashboard: Dashboard) -> None:
    page = dashboard.open("alerts")
    row = page.get_by_role("row").filter(has_text="my-deployment")
    row.get_by_role("button").click()
    expect(row).to_be_hidden()
    page.get_by_label("Show dismissed").check()
    expect(row).to_be_visible()
    page.get_by_role("button", name="Restore all").click()
    expect(row.get_by_role("button")).to_be_visible()


def test_slack_is_tested(dashboard: Dashboard, slack: FakeSlack) -> None:
    page = dashboard.open("alerts")
    page.get_by_role("button", name="Test Slack").click()
    expect(page.get_by_role("status")).to_have_text("the test message was sent to Slack")
    assert any("ModelTrack can send" in json.dumps(message) for message in slack.arrived)
    slack.by_text["ModelTrack can send"] = (403, "invalid_token")
    page.get_by_role("button", name="Test Slack").click()
    expect(page.get_by_role("status")).to_contain_text("Slack did not take the message")
    dashboard.expect("status of 502")


def test_limits_and_schedules_are_added_and_deleted(dashboard: Dashboard) -> None:
    page = dashboard.open("alerts")
    page.get_by_label("Team", exact=True).fill("platform")
    page.get_by_label("USD a day").fill("0.25")
    page.get_by_role("button", name="Add limit").click()
    delete = page.get_by_role("button", name="Delete the limit of platform")
    expect(page.get_by_role("row").filter(has=delete)).to_contain_text("$0.25")
    expect(page.get_by_label("Team", exact=True)).to_have_value("")
    delete.click()
    expect(delete).to_be_hidden()
    page = dashboard.open("reports")
    page.get_by_label("Name", exact=True).fill("Monday mail")
    page.get_by_label("Sent", exact=True).select_option("weekly")
    page.get_by_role("button", name="Add schedule").click()
    delete = page.get_by_role("button", name="Delete Monday mail")
    expect(page.get_by_role("row").filter(has=delete)).to_contain_text("Monday, 09:00 UTC")
    delete.click()
    expect(delete).to_be_hidden()
