"""mitmweb as a cost debugger: real traffic through it, looked at on its own page in a browser."""

import re
from collections.abc import Callable, Iterator
from functools import partial

import openai
import pytest
from playwright.sync_api import BrowserContext, Page, ViewportSize, expect

from demo.fake_provider.server import FakeProvider
from tests.e2e.browser import CHROMIUM, PATIENCE, browser
from tests.e2e.calls import OPENAI, post
from tests.e2e.conftest import KEY, PROMPT, ROOT, Proxy, free_port, until

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium: apt-get install chromium")

SCREENSHOT = ROOT / ".artifacts" / "mitmweb.png"
PASSWORD = "for-this-test"
BEDROCK = "/bedrock/model/us.anthropic.claude-haiku-4-5-20251001-v1:0/invoke-with-response-stream"
BUDGETS = {
    "budgets": [
        {"team": "product", "app": "chatbot", "monthly_limit": 0.0075, "action": "warn"},
        {"team": "ml-research", "monthly_limit": 0.005, "action": "block"},
    ]
}
RULES = {
    "rules": [
        {
            "name": "save",
            "trigger": "budget_percent_above",
            "threshold": 70,
            "from_models": ["claude-sonnet-4-6"],
            "to_model": "claude-haiku-4-5",
            "provider": "anthropic",
            "action": "downgrade",
        }
    ]
}


def send_traffic(proxy: Proxy) -> None:
    ask = partial(post, proxy, may_be_cached=True, max_tokens=300)
    system = {"system": "You are the help desk of a shop. Answer in one sentence."}
    for number in range(2):
        ask("product", "chatbot", temperature=number, **system)
    for _ in range(2):
        ask("product", "search", OPENAI)
    for number in range(2):
        ask("ml-research", "evals", model="claude-sonnet-4-5", temperature=number)
    ask("platform", "ci", OPENAI, model="gpt-4o-mini", stream=True)
    ask("platform", "reviews", BEDROCK)
    ask("platform", "reviews", model="claude-haiku-4-5", fake="status=529")
    ask("", "", OPENAI, model="my-fine-tune")
    names = {"X-ModelTrack-Team": "platform", "X-ModelTrack-App": "agent"}
    with openai.OpenAI(api_key=KEY, base_url=proxy.url + "/v1", default_headers=names) as client:
        with client.responses.connect() as connection:
            for _ in range(2):
                connection.response.create(model="gpt-4o", input=PROMPT)
                next(event for event in connection if event.type == "response.completed")
    proxy.get("/stats")


@pytest.fixture(scope="module")
def web(make_proxy: Callable[..., Proxy], fake: FakeProvider) -> Iterator[BrowserContext]:
    """A browser that may see mitmweb's page, after some traffic."""
    port = free_port()
    options = {"web_open_browser": "false", "web_port": port, "web_password": PASSWORD}
    args = [part for name, value in options.items() for part in ("--set", f"{name}={value}")]
    env = {"BEDROCK_ENDPOINT_URL": fake.url, "AWS_BEARER_TOKEN_BEDROCK": KEY}
    proxy = make_proxy(*args, start=False, files={"budgets.json": BUDGETS, "routing.json": RULES}, **env)
    proxy.use("mitmweb")
    proxy.start()
    send_traffic(proxy)
    until(lambda: f"Web server listening at http://127.0.0.1:{port}" in proxy.log)
    with browser() as chromium:
        viewport: ViewportSize = {"width": 1280, "height": 720}
        context = chromium.new_context(viewport=viewport, base_url=f"http://127.0.0.1:{port}")
        context.set_default_timeout(PATIENCE)
        with context.new_page() as page:
            page.goto(f"/?token={PASSWORD}")
            expect(page.locator("tbody tr")).not_to_have_count(0)
        yield context
    assert PASSWORD not in proxy.log


@pytest.fixture
def new_page(web: BrowserContext) -> Iterator[Page]:
    """A tab that is still empty.

    mitmweb's page reads its address once, as it is opened, and writes it anew each time that anything on it changes.
    """
    with web.new_page() as page:
        yield page


@pytest.fixture
def page(new_page: Page) -> Page:
    """Return mitmweb's page as it is when it is opened: all flows, none selected."""
    new_page.goto("/#/flows")
    expect(new_page.locator("tbody tr")).not_to_have_count(0)
    return new_page


def expect_comments(page: Page, *texts: str) -> None:
    expect(page.locator("td.col-comment")).to_have_text(texts)


TOKENS = "1,000 in 200 out"
COMMENTS = [
    f"product/chatbot · claude-sonnet-4-6 · {TOKENS} · $0.0060",
    f"product/chatbot · claude-sonnet-4-6 → claude-haiku-4-5 · {TOKENS} · $0.0020"
    " · downgraded by rule 'save', budget at 80%",
    f"product/search · gpt-4o · {TOKENS} · $0.0045",
    f"product/search · gpt-4o · {TOKENS} · $0.00 · HIT saved $0.0045",
    f"ml-research/evals · claude-sonnet-4-5 · {TOKENS} · $0.0060",
    "ml-research/evals · claude-sonnet-4-5"
    " · refused: Team 'ml-research' has exceeded monthly budget of $0.005 (current: $0.006)",
    f"platform/ci · gpt-4o-mini · {TOKENS} · $0.00027",
    f"platform/reviews · us.anthropic.claude-haiku-4-5-20251001-v1:0 · {TOKENS} · $0.0022",
    "platform/reviews · claude-haiku-4-5 · $0.00 · 529 overloaded_error",
    f"(no team) · my-fine-tune · {TOKENS} · no price",
    "platform/agent · gpt-4o · 2 calls · 2,000 in 400 out · $0.0090",
    "GET /stats",
]


def test_the_list_says_of_each_call_who_made_it_what_it_cost_and_why(page: Page) -> None:
    expect_comments(page, *COMMENTS)


def test_a_filter_by_comment_can_be_typed(page: Page) -> None:
    page.get_by_placeholder("Search").fill("~comment ^product/ & ~comment HIT")
    expect_comments(page, COMMENTS[3])


def test_a_filter_by_metadata_can_be_in_the_pages_address(new_page: Page) -> None:
    """mitmweb's page does not let one type `~meta`; its server knows it."""
    new_page.goto("/#/flows?s=~meta%20team%3Dproduct%20%26%20~meta%20outcome%3Dhit")
    expect_comments(new_page, COMMENTS[3])


def look_at(page: Page, comment: str, tab: str) -> str:
    """Return what the content view shows, line by line."""
    page.locator("td.col-comment", has_text=comment).click()
    page.get_by_role("link", name=tab, exact=True).click()
    view = page.locator(".contentview")
    expect(view).to_contain_text("── ")
    return view.inner_text()


@pytest.mark.parametrize(
    ("comment", "answer", "cost"),
    [
        ("platform/ci", "Hello! This is the fake provider", "0.00027"),  # server-sent events
        ("us.anthropic.claude", "Hello! This is the fake provider", "0.0022"),  # AWS's event stream
        ("HIT", "Hello! This is the fake provider", "$0.00: answered from the cache"),
        ("529 overloaded", "overloaded_error", "$0: nothing was used"),
    ],
)
def test_an_answer_is_shown_with_what_it_cost(page: Page, comment: str, answer: str, cost: str) -> None:
    text = look_at(page, comment, "Response")
    assert answer in text
    assert re.search(rf"^ *cost +{re.escape(cost)}$", text, re.MULTILINE)


def test_a_request_is_shown_as_a_conversation(page: Page) -> None:
    text = look_at(page, "downgraded", "Request")
    for part in ("model claude-haiku-4-5", "── system", "You are the help desk", "── user", PROMPT):
        assert part in text


def test_a_downgrade_is_explained_under_the_answer(page: Page) -> None:
    text = look_at(page, "downgraded", "Response")
    assert "'save' replaced claude-sonnet-4-6 with claude-haiku-4-5" in text
    assert "that saved $0.0040" in text
    SCREENSHOT.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOT)


def test_a_command_explains_flows(page: Page) -> None:
    page.get_by_role("link", name="Options", exact=True).click()
    page.get_by_text("Display Command Bar").click()
    page.get_by_placeholder("Enter command").fill("modeltrack.explain '~comment HIT'")
    page.keyboard.press("Enter")
    expect(page.get_by_text("cache   HIT: saved $0.0045")).to_be_visible()
