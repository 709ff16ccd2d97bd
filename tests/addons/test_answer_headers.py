"""Test the headers that say of an answer which call it is of, what the call cost, and what its budget has left."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from mitmproxy import http
from mitmproxy.test import tutils

from addons.budget import Budgets
from addons.cache import ResponseCache
from addons.core import Core
from addons.cost_logger import CostLogger
from addons.flow.admission import Admission
from addons.ledger.events import LOG_NAME
from addons.routing import Routing
from addons.rules import ModelRules

from .cores import made, spend, started

DOLLAR = 10**9
FILES: dict[str, Any] = {
    "budgets.json": {
        "budgets": [
            {"team": "t", "monthly_limit": 10, "action": "block"},
            {"team": "t", "app": "small", "monthly_limit": 1, "action": "warn"},
            {"team": "t", "app": "large", "monthly_limit": 100, "action": "block"},
        ]
    },
    "routing.json": {
        "rules": [
            {
                "name": "no-opus",
                "enabled": True,
                "trigger": "budget_percent_above",
                "threshold": 0,
                "action": "block_expensive",
                "provider": "anthropic",
                "from_models": ["claude-opus-*"],
                "to_model": "claude-haiku-4-5",
            }
        ]
    },
}
CALL, COST, LEFT = "X-ModelTrack-Call", "X-ModelTrack-Cost", "X-ModelTrack-Budget-Remaining"
ASKED = {"model": "claude-sonnet-4-6", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}
ANSWER = {
    "model": "claude-sonnet-4-6",
    "content": [],
    "usage": {"input_tokens": 1000, "output_tokens": 100},  # $0.0045
}


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with started(tmp_path, FILES) as core:
        yield core


class Chain:
    """Leads flows through the addons as mitmproxy does."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.addons: list[Any] = [
            Routing(core),
            Budgets(core, Admission(core)),
            ModelRules(core),
            ResponseCache(core),
            CostLogger(core),
        ]

    def trigger(self, hook: str, flow: http.HTTPFlow) -> None:
        for addon in self.addons:
            if method := getattr(addon, hook, None):
                assert method(flow) is None

    def begin(
        self, body: Any = ASKED, path: str = "/v1/messages", method: str = "POST", **headers: str
    ) -> http.HTTPFlow:
        flow = made(path, body, method, **{"team": "t"} | headers)
        self.trigger("requestheaders", flow)
        self.trigger("request", flow)
        return flow

    def end(self, flow: http.HTTPFlow, content: Any = ANSWER, status: int = 200, headers: Any = ()) -> http.Headers:
        """Answer as a provider does, where the proxy has not answered, and return the head that the client gets."""
        if flow.response is None:
            raw = content if isinstance(content, bytes) else orjson.dumps(content)
            fields = [
                (b"content-type", b"application/json"),
                *((name.encode(), value.encode()) for name, value in dict(headers).items()),
            ]
            flow.response = tutils.tresp(status_code=status, content=raw, headers=http.Headers(fields))
        self.trigger("responseheaders", flow)
        sent = flow.response.headers.copy()
        if stream := flow.response.stream:
            for part in (flow.response.raw_content or b"", b""):
                assert callable(stream) and stream(part) == part
            self.trigger("response", flow)
            return sent
        self.trigger("response", flow)
        return flow.response.headers

    def events(self) -> list[dict[str, Any]]:
        return list(map(orjson.loads, (self.core.settings.data_dir / LOG_NAME).read_bytes().splitlines()))


@pytest.fixture
def chain(core: Core) -> Chain:
    return Chain(core)


def of(head: http.Headers) -> tuple[str | None, str | None]:
    return head.get(COST), head.get(LEFT)


@pytest.mark.parametrize(
    ("app", "spent", "left"),
    [
        ("", 0, "$9.9955"),
        ("large", 0, "$9.9955"),
        ("small", 0, "$0.9955"),
        ("small", 9_500_000_000, "$0.00"),
        ("", 9_990_000_000, "$0.0055"),
        ("", 3 * DOLLAR, "$6.9955"),
        ("", 3 * DOLLAR + 1, "$6.995499999"),
        ("", 10 * DOLLAR - 1, "$0.00"),
    ],
)
async def test_a_whole_answer_says_what_it_cost_and_what_the_tightest_budget_has_left_after_it(
    core: Core, chain: Chain, app: str, spent: int, left: str
) -> None:
    spend(core, spent, "t", app)
    head = chain.end(chain.begin(app=app))
    assert of(head) == ("$0.0045", left)
    [event] = chain.events()
    assert head[CALL] == event["event_id"] and event["cost_usd"] == 0.0045


async def test_a_call_without_a_budget_says_nothing_of_one(chain: Chain) -> None:
    assert of(chain.end(chain.begin(team="others"))) == ("$0.0045", None)


async def test_a_model_without_a_price_has_no_cost(chain: Chain) -> None:
    body = ASKED | {"model": "nobody-knows-it"}
    head = chain.end(chain.begin(body), ANSWER | {"model": "nobody-knows-it"})
    assert of(head) == (None, "$10.00")
    assert head[CALL] == chain.events()[0]["event_id"]


STREAM = (
    b'event: message_start\ndata: {"type":"message_start","message":{"model":"claude-sonnet-4-6",'
    b'"usage":{"input_tokens":1000,"output_tokens":1}}}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
    b'"usage":{"output_tokens":100}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)


async def test_a_stream_names_its_event_and_what_was_left_before_it(core: Core, chain: Chain) -> None:
    spend(core, DOLLAR, "t")
    flow = chain.begin(ASKED | {"stream": True})
    assert flow.response is None
    head = chain.end(flow, STREAM)
    assert of(head) == (None, "$9.00")
    [event] = chain.events()
    assert (head[CALL], event["cost_usd"], event["is_streaming"]) == (event["event_id"], 0.0045, True)
    again = chain.end(chain.begin(ASKED | {"stream": True}), STREAM)
    assert of(again) == (None, "$8.9955")
    assert core.ledger.left(core.ledger.standings("t", "")) == 10 * DOLLAR - DOLLAR - 2 * 4_500_000


async def test_a_hit_costs_nothing_and_has_an_event_of_its_own(chain: Chain) -> None:
    first, hit = chain.end(chain.begin(app="small")), chain.end(chain.begin(app="small"))
    assert (hit["X-ModelTrack-Cache"], of(first), of(hit)) == ("HIT", ("$0.0045", "$0.9955"), ("$0.00", "$0.9955"))
    assert [first[CALL], hit[CALL]] == [event["event_id"] for event in chain.events()]


async def test_a_call_that_waited_for_an_identical_one_does_too(chain: Chain) -> None:
    leader = chain.begin(app="small")
    cache = chain.addons[3]
    flow = made("/v1/messages", ASKED, team="t", app="small")
    for addon in chain.addons[:2]:
        addon.requestheaders(flow)
    for addon in chain.addons[:3]:
        addon.request(flow)
    waits = cache.request(flow)
    chain.end(leader)
    await waits
    head = chain.end(flow)
    assert of(head) == ("$0.00", "$0.9955") and head[CALL] == chain.events()[1]["event_id"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("status", "kind"), [(529, "overloaded_error"), (400, "invalid_request_error")])
async def test_an_error_of_the_provider_cost_nothing(chain: Chain, stream: bool, status: int, kind: str) -> None:
    error = {"type": "error", "error": {"type": kind, "message": "m"}}
    head = chain.end(chain.begin(ASKED | {"stream": stream}), error, status)
    assert of(head) == ("$0.00", "$10.00") and head[CALL] == chain.events()[0]["event_id"]


@pytest.mark.parametrize(
    ("body", "spent", "status", "left"),
    [
        (ASKED, 11 * DOLLAR, 429, "$0.00"),
        (ASKED | {"stream": True}, 10 * DOLLAR, 429, "$0.00"),
        (ASKED | {"model": "claude-opus-4-6"}, DOLLAR, 429, "$9.00"),
        ({"no": "model"}, 0, 400, None),
        (b"no JSON", 0, 400, None),
    ],
)
async def test_a_refusal_names_its_event(
    core: Core, chain: Chain, body: Any, spent: int, status: int, left: str | None
) -> None:
    spend(core, spent, "t")
    flow = chain.begin(body)
    assert flow.response and flow.response.status_code == status
    head = chain.end(flow)
    [event] = chain.events()
    assert (head[CALL], of(head)) == (event["event_id"], ("$0.00", left))


async def test_a_refusal_without_a_call_names_none(chain: Chain) -> None:
    for path in ("/nowhere", "/v1/models", "/v1/messages"):
        flow = chain.begin(None, path, "GET")
        flow.request.stream = False
        head = chain.end(flow)
        assert {CALL, COST, LEFT}.isdisjoint(head) and not (chain.core.settings.data_dir / LOG_NAME).read_bytes()


@pytest.mark.parametrize(("setting", "status"), [("block", 403), ("pass", None)])
async def test_what_cannot_be_metered_names_its_event(tmp_path: Path, setting: str, status: int | None) -> None:
    with started(tmp_path, FILES, unmetered=setting) as core:
        chain = Chain(core)
        flow = chain.begin(path="/v1/images/generations")
        assert (flow.response and flow.response.status_code) == status
        flow.request.stream = False
        head = chain.end(flow, headers={CALL.lower(): "other"})
        assert (head.get_all(CALL), of(head)) == ([chain.events()[0]["event_id"]], (None, None))


@pytest.mark.parametrize("spell", [str, str.lower, str.upper], ids=["as-written", "lower", "upper"])
@pytest.mark.parametrize("model", ["claude-sonnet-4-6", "nobody-knows-it"])
async def test_what_another_modeltrack_behind_this_one_says_is_replaced(chain: Chain, model: str, spell: Any) -> None:
    found = ANSWER | {"model": model}
    others = {spell(CALL): "other", spell(COST): "$9", spell(LEFT): "$99", "X-ModelTrack-Else": "kept"}
    for team, left in (("t", ["$9.9955" if model == "claude-sonnet-4-6" else "$10.00"]), ("others", [])):
        head = chain.end(chain.begin(ASKED | {"model": model}, team=team, No_Cache="1"), found, headers=others)
        cost = ["$0.0045"] if model == "claude-sonnet-4-6" else []
        assert (head.get_all(COST), head.get_all(LEFT)) == (cost, left)
        assert head.get_all(CALL) == [chain.events()[-1]["event_id"]] and head["X-ModelTrack-Else"] == "kept"


async def test_the_sums_of_the_headers_are_those_of_the_events(core: Core, chain: Chain) -> None:
    heads = [chain.end(chain.begin(No_Cache="1", app="small")) for _ in range(40)]
    assert sum(round(float(head[COST][1:]) * DOLLAR) for head in heads) == 40 * 4_500_000
    assert heads[-1][LEFT] == "$0.82" and heads[3][LEFT] == "$0.982"
    assert answer_left(core) == DOLLAR - 40 * 4_500_000


def answer_left(core: Core) -> int:
    return core.ledger.left(core.ledger.standings("t", "small"))
