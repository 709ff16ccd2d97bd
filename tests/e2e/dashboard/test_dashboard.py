"""The dashboard in a real browser, over events of a real proxy and of a made-up month before."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from addons.ledger.events import rfc3339
from addons.ledger.money import NANOS_PER_USD, format_usd
from bench.events import lines
from modeltrack_api.app import utc_now
from tests.e2e.browser import CHROMIUM, SIZES, Dashboard, api, browser
from tests.e2e.conftest import Proxy
from tests.e2e.providers.sdk_clients import MESSAGES, Told, claude
from tests.modeltrack_api.alerting.started import FakeSlack, fake_slack
from tests.modeltrack_api.serving import TOKEN, event

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium: apt-get install chromium")

HOSTILE = "<img src=x onerror=alert(1)>"
HOSTILE_MODEL = '<a href="//x.y">m</a>'
BUDGETS = {
    "budgets": [
        {"team": "product", "app": "chatbot", "monthly_limit": 1.0, "action": "warn"},
        {"team": "platform", "app": "", "monthly_limit": 0.05, "action": "warn"},
    ]
}
# View, a text of it that only data can have brought, and its number of charts.
VIEWS = [
    ("overview", "claude-sonnet-4-6", 1),
    ("models", "us.anthropic.claude-sonnet-4-6", 1),
    ("teams", "product / chatbot", 1),
    ("features", "rerank", 0),
    ("features/rerank", "gpt-4o-mini", 1),
    ("sessions", "real-session", 0),
    ("sessions/real-session", "claude-haiku-4-5", 0),
    ("prompts", "chat-v0", 0),
    ("forecast", "The trend goes on", 1),
    ("estimator", "A month with the cache", 0),
    ("reports", "claude-opus-4-6", 1),
    ("alerts", "my-deployment", 0),
    ("infrastructure", "ec2", 1),
    ("live", "real-session", 0),
]


def infrastructure(days: int) -> Iterator[dict[str, Any]]:
    for n in range(days):
        day = f"{utc_now() - timedelta(days=n):%Y-%m-%d}T00:00:00.000000Z"
        same = {"timestamp": day, "provider": "aws", "service": "ec2", "team": "platform"}
        yield {**same, "event_id": str(uuid4()), "event_type": "aws_infrastructure", "cost_usd": 0.5 + n % 7 / 10}
        gpu = {"resource_id": "i-0abc", "gpu_type": "h100", "gpu_utilization_pct": 62.5, "cost_usd": None}
        yield {**same, "event_id": str(uuid4()), "event_type": "gpu_compute", **gpu}


def call(proxy: Proxy, team: str, app: str, session: str = "", tokens: str = "") -> None:
    """A real one, of 1000 and 200 tokens unless the fake provider is told otherwise."""
    headers = {"X-ModelTrack-Team": team, "X-ModelTrack-App": app, "X-ModelTrack-No-Cache": "1", "X-Fake": tokens}
    with claude(Told(proxy.url, headers | ({"X-ModelTrack-Session-Id": session} if session else {}))) as client:
        client.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=MESSAGES)


@pytest.fixture(scope="module")
def source(make_proxy: Callable[..., Proxy]) -> Proxy:
    proxy = make_proxy(files={"budgets.json": BUDGETS}, start=False)
    hostile = event(team="support", model=HOSTILE_MODEL, cost_usd=1e-6, timestamp=rfc3339(utc_now()))
    events = [json.dumps(each).encode() for each in (*infrastructure(20), hostile)]
    log = b"".join(line + b"\n" for line in [*events, *lines(1500, utc_now() - timedelta(hours=1), days=40)])
    (proxy.data / "cost_events.jsonl").write_bytes(log)
    proxy.start()
    for _ in range(3):
        call(proxy, "product", "chatbot", "real-session")
    call(proxy, HOSTILE, "<b>bold</b>")
    return proxy


@pytest.fixture(scope="module")
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as slack:
        yield slack


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def url(source: Proxy, slack: FakeSlack) -> Iterator[str]:
    with api(source.data, SLACK_WEBHOOK_URL=slack.url) as url:
        yield url


@pytest.fixture(scope="module")
def context(chromium: Browser) -> Iterator[BrowserContext]:
    with chromium.new_context(viewport={"width": 1280, "height": 800}) as context:
        yield context


@pytest.fixture
def fresh(context: BrowserContext, url: str) -> Iterator[Dashboard]:
    """A tab of its own, for tests that change what a page finds there."""
    dashboard = Dashboard(context, url)
    yield dashboard
    dashboard.page.close()
    assert dashboard.problems == []


@pytest.fixture(scope="module")
def tab(context: BrowserContext, url: str) -> Iterator[Dashboard]:
    dashboard = Dashboard(context, url)
    yield dashboard
    dashboard.page.close()


@pytest.fixture
def dashboard(tab: Dashboard) -> Iterator[Dashboard]:
    """The tab that most tests share, as it is left open for hours."""
    tab.problems = []
    tab.page.set_viewport_size({"width": 1280, "height": 800})
    yield tab
    assert tab.problems == []


@pytest.fixture(scope="module")
def bare_url(source: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An API with a token and without plotly."""
    database = tmp_path_factory.mktemp("bare") / "modeltrack.db"
    with api(source.data, has_plotly=False, API_TOKEN=TOKEN, DB_PATH=str(database)) as url:
        yield url


@pytest.fixture
def bare(chromium: Browser, bare_url: str) -> Iterator[Dashboard]:
    with chromium.new_context() as context:
        dashboard = Dashboard(context, bare_url)
        yield dashboard
        assert dashboard.problems == []


def data_of(url: str, path: str) -> Any:
    return requests.get(url + path, timeout=10).json()["data"]


@pytest.mark.parametrize(("view", "text", "charts"), VIEWS, ids=[view for view, _, _ in VIEWS])
def test_every_view_opens_with_data(dashboard: Dashboard, view: str, text: str, charts: int) -> None:
    page = dashboard.open(view)
    expect(page.locator("main")).to_contain_text(text)
    assert page.locator("main .state.error").count() == 0
    assert page.locator(".plot").count() == charts
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


def test_filters_are_in_the_url_and_survive_a_reload(dashboard: Dashboard) -> None:
    page = dashboard.open("models")
    [spent] = {team["total_spend"] for team in data_of(dashboard.url, "/api/teams") if team["team"] == "support"}
    everything = dashboard.stat("Spend")
    page.get_by_label("Team", exact=True).select_option(label="support")
    shown = format_usd(round(spent * NANOS_PER_USD))
    expect(page.locator(".stat dd").first).to_have_text(shown)
    assert shown != everything and page.url.endswith("#/models?team=support")
    page.reload()
    dashboard.loaded()
    assert dashboard.stat("Spend") == shown
    assert page.get_by_label("Team", exact=True).input_value() == "=support"
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


def test_a_wrong_date_in_the_url_says_what_to_do(dashboard: Dashboard) -> None:
    page = dashboard.open("models?start_date=yesterday")
    expect(page.get_by_role("alert")).to_contain_text("start_date: 'yesterday' is not allowed")
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("main")).to_contain_text("gpt-4o")
    dashboard.expect("status of 400")


def test_names_from_callers_are_text(dashboard: Dashboard) -> None:
    for view in ("overview", "teams", "infrastructure", "live"):
        page = dashboard.open(view)
        expect(page.get_by_text(HOSTILE).first).to_be_attached()
        assert page.locator("main img, main b").count() == 0
    page = dashboard.open(f"teams?team={HOSTILE}")
    assert page.get_by_label("Team", exact=True).input_value() == "=" + HOSTILE
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
    expect(page.get_by_label("Model", exact=True)).to_be_focused()
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
    slack.plan[:] = [(403, "invalid_token")]
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
    assert page.get_by_label("Team", exact=True).input_value() == ""
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
    assert not dialog.is_visible()
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
        assert page.locator(".chart table:visible").count() == charts
    bare.expect("status of 401")


def test_without_events_it_says_how_to_get_some(chromium: Browser, tmp_path: Path) -> None:
    with api(tmp_path) as url, chromium.new_context() as context:
        dashboard = Dashboard(context, url)
        for view in ("overview", "models", "teams", "features", "sessions", "prompts", "forecast", "live"):
            expect(dashboard.open(view).locator("main")).to_contain_text("mitmdump -s addons/main.py")
        assert dashboard.problems == []
