"""Open the dashboard of an API process in a real browser, over events of a real proxy."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext

from addons.ledger.events import rfc3339
from bench.events import lines
from modeltrack_api.app import utc_now
from tests.e2e.browser import browser
from tests.e2e.conftest import Proxy
from tests.e2e.dashboard.data import BUDGETS, HOSTILE, HOSTILE_MODEL, call, infrastructure, unpriced
from tests.e2e.dashboard.tab import Dashboard, api
from tests.modeltrack_api.alerting.started import FakeSlack, fake_slack
from tests.modeltrack_api.serving import TOKEN, event


@pytest.fixture(scope="module")
def source(make_proxy: Callable[..., Proxy]) -> Proxy:
    proxy = make_proxy(files={"budgets.json": BUDGETS}, start=False)
    hostile = event(team="support", model=HOSTILE_MODEL, cost_usd=1e-6, timestamp=rfc3339(utc_now()))
    events = [json.dumps(each).encode() for each in (*infrastructure(20), *unpriced(), hostile)]
    log = b"".join(line + b"\n" for line in [*events, *lines(1500, utc_now() - timedelta(hours=1), days=40)])
    (proxy.data / "cost_events.jsonl").write_bytes(log)
    proxy.start()
    for _ in range(3):
        call(proxy, "product", "chatbot", "real-session", user="ann")
    call(proxy, HOSTILE, "<b>bold</b>", user=HOSTILE)
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
