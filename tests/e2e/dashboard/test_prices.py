"""Test what the dashboard shows where a price is not known, and the kinds of tokens that have prices of their own."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser import CHROMIUM
from tests.e2e.dashboard.tab import Dashboard

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium: apt-get install chromium")

NO_PRICE = "no price"
OF_LAB = [
    ("models", "Models", "Spend"),
    ("models", "Models", "Average"),
    ("teams", "Spend by team", "Spend"),
    ("teams", "Budgets this month", "Spent"),
    ("teams", "Budgets this month", "Left"),
    ("users", "Users", "Spend"),
    ("users", "Keys", "Average"),
    ("features", "Features", "Spend"),
    ("features", "Customer tiers", "Average"),
    ("sessions", "Sessions", "Spend"),
    ("forecast", "Forecast", "Expected"),
    ("infrastructure", "Infrastructure and models by team", "Models"),
    ("overview", "Spend by day, last 30 days", "Spend"),
    ("live", "Events, newest first", "Cost"),
    ("sessions/lab-session", "Calls of this session on a time line", "Cost"),
]
"""Columns of money in views of a team without a known price."""
KNOWN_TO_BE_0 = {"overview", "live", "sessions/lab-session"}
"""Views with days without calls, or with a hit."""


def named(page: Page, caption: str) -> Locator:
    return page.locator(".table", has=page.locator("caption", has_text=caption)).first


def row(page: Page, caption: str, text: str) -> Locator:
    return named(page, caption).locator("tbody tr", has_text=text)


def cell(page: Page, caption: str, text: str, head: str) -> Locator:
    """The cell of the row with this text, under this head."""
    heads = named(page, caption).locator("thead th").all_inner_texts()
    return row(page, caption, text).locator("th, td").nth(heads.index(head))


@pytest.mark.parametrize(("view", "caption", "head"), OF_LAB, ids=[" ".join(each) for each in OF_LAB])
def test_money_that_is_not_known_is_no_price_and_never_0(
    dashboard: Dashboard, view: str, caption: str, head: str
) -> None:
    page = dashboard.open(f"{view}?team=lab")
    rows = named(page, caption).locator("tbody tr")
    expect(rows.first).to_be_attached()
    place = named(page, caption).locator("thead th").all_text_contents().index(head)
    texts = {rows.nth(n).locator("th, td").nth(place).text_content() for n in range(rows.count())}
    assert texts == {NO_PRICE} | ({"$0.00"} if view in KNOWN_TO_BE_0 else set())


def test_figures_that_are_not_known_are_no_price_either(dashboard: Dashboard) -> None:
    dashboard.open("models?team=lab")
    assert dashboard.stat("Spend") == NO_PRICE
    dashboard.open("forecast?team=lab")
    assert {dashboard.stat(label) for label in ("Run rate a month", "Next month", "Next quarter")} == {NO_PRICE}
    page = dashboard.open("teams?team=lab")
    expect(page.locator("figcaption")).to_contain_text("nobody knows what is left of $5.00")


def test_a_sum_says_how_many_calls_it_leaves_out(dashboard: Dashboard) -> None:
    page = dashboard.open("models?team=studio")
    spend = cell(page, "Models", "gpt-studio", "Spend")
    expect(spend).to_have_text(f"+ 2 {NO_PRICE}$3.50")
    title = spend.locator("span").first.get_attribute("title") or ""
    assert "1 call has no known price and is not in the sum." in title
    assert "1 call has no known price for a part of what was billed" in title
    expect(page.locator(".stat", has_text="Spend").locator("small")).to_have_text(
        "1 call without a price left out, 1 left out in part"
    )
    page = dashboard.open("overview?team=studio")
    expect(page.locator("main")).to_contain_text("1 call without a price left out")


def test_tokens_are_shown_by_what_they_cost(dashboard: Dashboard) -> None:
    page = dashboard.open("models?team=studio")
    found = {
        head: cell(page, "Models", "gpt-studio", head).inner_text()
        for head in ("Input tokens", "Cache reads", "Cache writes", "Output tokens", "Reasoning", "Audio in")
    }
    assert list(found.values()) == ["30", "8,765", "0", "15", "3", "6"]
    heads = named(page, "Models").locator("thead th").all_inner_texts()
    assert not {"Images in", "Images out", "Audio out", "Our cache"} & set(heads)
    expect(named(page, "Models").get_by_role("columnheader", name="Input tokens")).to_have_attribute(
        "title", "at full price"
    )


def test_the_tokens_of_hits_are_apart(dashboard: Dashboard) -> None:
    page = dashboard.open("models?team=lab")
    assert cell(page, "Models", "lab-model", "Our cache").inner_text() == "4,321"
    assert cell(page, "Models", "lab-model", "Input tokens").inner_text() == "80"
    page = dashboard.open("live?team=lab")
    assert cell(page, "Events, newest first", "cache hit", "Tokens").inner_text() == "(4,321)"


def test_a_call_says_what_of_it_has_no_price(dashboard: Dashboard) -> None:
    page = dashboard.open("live?team=studio")
    badge = page.locator("[title='usage.searches']")
    expect(badge).to_have_text("in part no price")
