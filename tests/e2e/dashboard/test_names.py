"""Test the dashboard with names that every JavaScript object has already: in the URL, and in the data."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from addons.ledger.events import rfc3339
from modeltrack_api.app import utc_now
from tests.e2e.browser import CHROMIUM
from tests.e2e.dashboard.tab import Dashboard, api
from tests.modeltrack_api.serving import append, event

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium: apt-get install chromium")

NAMES = ["__proto__", "constructor", "toString", "valueOf", "hasOwnProperty", "__defineGetter__", "plain"]
VIEWS = [
    "overview",
    "models",
    "teams",
    "users",
    "features",
    "sessions",
    "prompts",
    "reports",
    "infrastructure",
    "live",
]


@pytest.fixture(scope="module")
def odd(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """Events of two days whose labels are all such names; each costs a dollar more than the one before."""
    folder = tmp_path_factory.mktemp("odd")
    for days in (0, 1):
        at = rfc3339(utc_now() - timedelta(days=days))
        for n, name in enumerate(NAMES):
            labels = dict.fromkeys(("team", "app_id", "model", "feature", "session_id", "customer_tier"), name)
            labels |= {"user": name, "key_id": name}
            append(
                folder / "cost_events.jsonl",
                event(timestamp=at, cost_usd=n + 1, prompt_template_id=name, **labels),
                event(timestamp=at, cost_usd=None, **labels),
                event(timestamp=at, event_type="aws_infrastructure", service=name, team=name, cost_usd=1),
            )
    with api(folder) as url, chromium.new_context() as context:
        dashboard = Dashboard(context, url)
        yield dashboard
        assert dashboard.problems == []


@pytest.mark.parametrize("name", [name for name in NAMES if name != "plain"])
@pytest.mark.parametrize(
    "address",
    [
        "{}",
        "{}/x",
        "overview?{}=1",
        "overview?range={}",
        "forecast?horizon_days={}&granularity={}",
        "prompts?sort_by={}",
    ],
)
def test_an_address_with_such_a_name_shows_a_view(odd: Dashboard, address: str, name: str) -> None:
    page = odd.open(address.replace("{}", name))
    expect(page.locator("main")).not_to_contain_text("Loading")
    expect(page.locator("main .state.error")).to_have_count(0)
    expect(page.locator("main .card").first).to_be_visible()


def test_an_address_without_a_view_shows_the_overview(odd: Dashboard) -> None:
    for name in ("__proto__", "nothing", ""):
        odd.open("teams")
        odd.open(name)
        expect(odd.page.locator("#title")).to_have_text("Overview")


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_shows_data_with_such_names(odd: Dashboard, view: str) -> None:
    page = odd.open(view)
    for name in NAMES:
        expect(page.locator("main").get_by_text(name, exact=True).first).to_be_attached()
    assert "function" not in page.locator("main").inner_text()
    odd.drawn()


def test_the_chart_of_models_has_a_bar_for_each(odd: Dashboard) -> None:
    page = odd.open("models")
    odd.drawn()
    expect(page.locator(".plot .yaxislayer-above .ytick")).to_have_count(len(NAMES))
    expect(page.locator(".plot .bars .point")).to_have_count(len(NAMES))
    ticks = page.locator(".plot .yaxislayer-above .ytick text").all_text_contents()
    assert sorted(text.strip() for text in ticks) == sorted(NAMES)
    lengths = page.locator(".plot .bars .point path").evaluate_all("all => all.map((each) => each.getBBox().width)")
    assert sorted(lengths, reverse=True) == lengths and len(set(map(round, lengths))) == len(NAMES)


@pytest.mark.parametrize("key", ["team", "app_id", "model", "user", "key_id"])
def test_such_a_name_can_be_filtered_by(odd: Dashboard, key: str) -> None:
    for name in NAMES:
        page = odd.open(f"models?{key}={name}")
        expect(page.locator(f"#{key}")).to_have_value(f"={name}")
        expect(page.locator("main table").last.locator("tbody tr")).to_have_count(1)


def test_a_feature_and_a_session_of_such_a_name_have_their_page(odd: Dashboard) -> None:
    for name in NAMES:
        expect(odd.open(f"features/{name}").locator("main .stats")).to_contain_text(name)
        expect(odd.open(f"sessions/{name}").locator("main .stats")).to_contain_text(name)


def test_no_view_looks_a_name_up_where_objects_inherit_some() -> None:
    """`name in object` and `object[name] ?? other` find what every object inherits; lookup.js does not."""
    folder = Path(__file__).parents[3] / "modeltrack_api/dashboard"
    texts = {path.name: path.read_text() for path in folder.rglob("*.js") if path.name != "lookup.js"}
    wrong = re.compile(r" in (?:params|query|from|[A-Z]{3,})\b|\b[A-Z]{3,}\[[^\]]+\] \?\?")
    found = [(name, line) for name, text in texts.items() for line in text.splitlines() if wrong.search(line)]
    assert found == []
