"""Test what the dashboard's views show, and that everybody can see and operate it."""

import pytest
from playwright.sync_api import expect

from addons.ledger.money import NANOS_PER_USD, format_usd
from tests.e2e.browser import CHROMIUM
from tests.e2e.dashboard.data import HOSTILE, HOSTILE_MODEL, VIEWS
from tests.e2e.dashboard.tab import SIZES, Dashboard

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium: apt-get install chromium")


@pytest.mark.parametrize(("view", "text", "charts"), VIEWS, ids=[view for view, _, _ in VIEWS])
def test_every_view_opens_with_data(dashboard: Dashboard, view: str, text: str, charts: int) -> None:
    page = dashboard.open(view)
    expect(page.locator("main")).to_contain_text(text)
    assert page.locator("main .state.error").count() == 0
    expect(page.locator(".plot")).to_have_count(charts)
    dashboard.drawn()
    for size, (width, _) in SIZES.items():
        dashboard.shoot(view.replace("/", "-"), size)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("view", "text", "charts"), VIEWS, ids=[view for view, _, _ in VIEWS])
def test_all_that_can_be_operated_has_a_name(dashboard: Dashboard, view: str, text: str, charts: int) -> None:
    page = dashboard.open(view)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, a, input, select, table, [role=region], [role=img], nav")]
            .filter((each) => each.checkVisibility())
            .filter((each) => !(each.labels?.[0]?.textContent || each.getAttribute("aria-label")
                || each.caption?.textContent || each.textContent.trim() && each.tagName !== "SELECT"))
            .map((each) => each.outerHTML.slice(0, 100))"""
    )
    assert nameless == []


def test_names_from_callers_are_text(dashboard: Dashboard) -> None:
    for view in ("overview", "teams", "users", "infrastructure", "live"):
        page = dashboard.open(view)
        expect(page.get_by_text(HOSTILE).first).to_be_attached()
        assert page.locator("main img, main b").count() == 0
    page = dashboard.open(f"teams?team={HOSTILE}")
    expect(page.get_by_label("Team", exact=True)).to_have_value("=" + HOSTILE)
    page = dashboard.open("models")
    dashboard.drawn()
    expect(page.locator(".plot")).to_contain_text(HOSTILE_MODEL)
    assert page.locator(".plot a").count() == 0


def test_a_chart_names_the_amount_under_the_pointer(dashboard: Dashboard) -> None:
    page = dashboard.open("models")
    dashboard.drawn()
    box = page.locator(".plot .bars .point").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + 5, box["y"] + box["height"] / 2)
    expect(page.locator(".plot .hoverlayer")).to_contain_text(dashboard.page.locator("tbody td.bar").first.inner_text())


AMOUNTS = [0, 1, 123_000, 6_000_000, 123_456_789, 999_999_999, 10**9, 1_005_000_000, 2_675_000_000, 512_345_000_000]


@pytest.mark.parametrize("sign", [1, -1])
def test_money_is_written_as_the_proxy_writes_it(dashboard: Dashboard, sign: int) -> None:
    page = dashboard.open("overview")
    amounts = [sign * amount for amount in AMOUNTS]
    written = page.evaluate(
        "async (amounts) => { const { usd } = await import('/format.js'); return amounts.map(usd); }",
        [amount / NANOS_PER_USD for amount in amounts],
    )
    assert written == [format_usd(amount) for amount in amounts]
    assert page.evaluate("import('/format.js').then(({ usd }) => usd(1234567.891))") == "$1,234,567.89"


def test_a_table_is_sorted_by_its_heads_with_the_keyboard(dashboard: Dashboard) -> None:
    page = dashboard.open("models")
    table = page.get_by_role("region", name="Models", exact=True)
    table.get_by_role("button", name="Requests").focus()
    page.keyboard.press("Enter")
    head = table.get_by_role("columnheader", name="Requests")
    expect(head).to_have_attribute("aria-sort", "descending")
    counts = [int(text.replace(",", "")) for text in table.locator("tbody td:nth-child(4)").all_inner_texts()]
    assert counts == sorted(counts, reverse=True) and len(set(counts)) > 1
    page.keyboard.press("Enter")
    expect(head).to_have_attribute("aria-sort", "ascending")


def test_all_is_reached_with_the_keyboard(fresh: Dashboard) -> None:
    page = fresh.open("overview")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_label("Key", exact=True)).to_be_focused()
    page.locator("#nav a").first.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Models")
    expect(page.get_by_role("heading", level=1)).to_be_focused()


def test_a_small_screen_has_the_views_in_a_menu(dashboard: Dashboard) -> None:
    dashboard.page.set_viewport_size({"width": 380, "height": 800})
    page = dashboard.open("overview")
    link = page.get_by_role("link", name="Prompts")
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    link.click()
    expect(page.locator("main")).to_contain_text("chat-v0")
    expect(link).to_be_hidden()


def test_the_theme_can_be_chosen(dashboard: Dashboard) -> None:
    page = dashboard.open("overview")
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.get_by_label("Theme").select_option("dark")
    dark = page.evaluate(colour)
    page.reload()
    dashboard.loaded()
    assert light != dark == page.evaluate(colour)
    page.get_by_label("Theme").select_option("")
    assert page.evaluate(colour) == light


# Luminance and contrast as WCAG 2 defines them; colours by way of a canvas, whatever their notation.
CONTRASTS = """() => {
  const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
    .getContext("2d", { willReadFrequently: true });
  const rgba = (colours) => {
    pen.clearRect(0, 0, 1, 1);
    for (const colour of colours) { pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1); }
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const light = (colours) => {
    const [r, g, b] = rgba(colours).map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => node ? [...behind(node.parentElement), getComputedStyle(node).backgroundColor] : [];
  return [...document.querySelectorAll("body *")]
    .filter((each) => each.checkVisibility() && !each.closest("svg, :disabled, .hidden, .skip")
      && [...each.childNodes].some((child) => child.nodeType === 3 && child.data.trim()))
    .map((each) => {
      const below = behind(each);
      const [a, b] = [light([...below, getComputedStyle(each).color]), light(below)].sort((x, y) => y - x);
      return [(a + 0.05) / (b + 0.05), each.textContent.trim().slice(0, 40)];
    });
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_have_the_contrast_of_aa(dashboard: Dashboard, theme: str) -> None:
    for view in ("overview", "live", "alerts"):
        page = dashboard.open(view)
        page.get_by_label("Theme").select_option(theme)
        found = page.evaluate(CONTRASTS)
        assert len(found) > 20
        assert [each for each in found if each[0] < 4.5] == []
