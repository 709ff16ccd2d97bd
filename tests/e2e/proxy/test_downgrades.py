"""Downgrades in a running proxy with the reference's own rules, before a provider that refuses what real ones do."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import anthropic
import openai
import pytest

from addons.ledger.events import CostEvent
from demo.fake_provider.server import FakeProvider
from tests import ROOT
from tests.e2e.calls import OPENAI, post
from tests.e2e.conftest import KEY, PROMPT, Proxy

RULES = json.loads((ROOT / "data/routing.json").read_bytes())
RULES["rules"][1]["from_models"].append("gpt-5*")
"""The configuration reference's routing.json, whose second rule leads from GPT-5 too."""
Skipped = Callable[[], dict[str, int]]
SONNET, HAIKU = "claude-sonnet-4-6", "claude-haiku-4-5"


def spent(team: str, usd: int) -> bytes:
    event = CostEvent(
        timestamp=datetime.now(UTC),
        provider="anthropic",
        model=SONNET,
        cost_nanos=usd * 10**9,
        latency_ms=1,
        status_code=200,
        is_streaming=False,
        team=team,
    )
    return event.line() + b"\n"


@pytest.fixture(scope="module")
def gate(make_proxy: Callable[..., Proxy]) -> Proxy:
    """A proxy with a team at 71% of its budget, and one at 85%."""
    budgets = [{"team": team, "monthly_limit": 100, "action": "block"} for team in ("t71", "t85")]
    proxy = make_proxy(files={"budgets.json": {"budgets": budgets}, "routing.json": RULES}, start=False)
    (proxy.data / "cost_events.jsonl").write_bytes(spent("t71", 71) + spent("t85", 85))
    proxy.start()
    proxy.ready()
    return proxy


def models(fake: FakeProvider) -> list[str]:
    """Return the models that the provider was asked for."""
    return [json.loads(request.body)["model"] for request in fake.requests]


@pytest.fixture
def skipped(gate: Proxy) -> Skipped:
    """Returns why downgrades were left out in this test."""

    def count() -> Counter[str]:
        return Counter(gate.get("/routing/stats")["skip_reasons"])

    before = count()
    return lambda: dict(count() - before)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("parameters", "reason"),
    [({"thinking": {"type": "adaptive"}}, "thinking"), ({"output_config": {"effort": "high"}}, "effort")],
)
def test_a_turn_that_haiku_would_refuse_is_answered_by_the_model_asked_for(
    gate: Proxy, fake: FakeProvider, parameters: dict[str, Any], reason: str, stream: bool, skipped: Skipped
) -> None:
    headers = {"X-ModelTrack-Team": "t71", "X-Fake": "strict=1"}
    with anthropic.Anthropic(base_url=gate.url, api_key=KEY, default_headers=headers) as client:
        create: Any = client.messages.create
        messages = [{"role": "user", "content": PROMPT}]
        answer = create(model=SONNET, max_tokens=50, messages=messages, stream=stream, **parameters)
        model = next(iter(answer)).message.model if stream else answer.model
    assert model == SONNET
    assert (models(fake), skipped()) == ([SONNET], {reason: 1})


def test_a_plain_turn_is_still_answered_by_haiku(gate: Proxy, fake: FakeProvider) -> None:
    answer = post(gate, "t71", fake="strict=1", thinking={"type": "enabled", "budget_tokens": 1024})
    assert (answer.status_code, answer.headers["X-ModelTrack-Routed-To"]) == (200, HAIKU)
    assert models(fake) == [HAIKU]


def test_a_call_that_reasons_keeps_the_model_that_does(gate: Proxy, fake: FakeProvider, skipped: Skipped) -> None:
    headers = {"X-ModelTrack-Team": "t85"}
    with openai.OpenAI(base_url=gate.url + "/v1", api_key=KEY, default_headers=headers) as client:
        client.responses.create(model="gpt-5.4", input=PROMPT, reasoning={"effort": "low"})
        client.chat.completions.create(model="gpt-5.4", messages=[{"role": "user", "content": PROMPT}])
    assert (models(fake), skipped()) == (["gpt-5.4", "gpt-4o-mini"], {"reasoning": 1})


@pytest.mark.parametrize(
    ("path", "team", "model", "target", "status", "shape"),
    [
        ("/v1/messages", "t71", SONNET, HAIKU, 404, {"top_k": 5}),
        ("/v1/messages", "t71", SONNET, HAIKU, 400, {"top_p": 0.5}),
        (OPENAI, "t85", "gpt-4o", "gpt-4o-mini", 404, {}),
    ],
)
def test_after_a_refusal_the_next_try_gets_the_model_that_it_asks_for(
    gate: Proxy,
    fake: FakeProvider,
    skipped: Skipped,
    path: str,
    team: str,
    model: str,
    target: str,
    status: int,
    shape: dict[str, Any],
) -> None:
    told = f"absent={target}" if status == 404 else "status=400"
    direct = post(fake, path=path, fake=told, model=target)
    first = post(gate, team, path=path, fake=told, **shape)
    assert (first.status_code, first.content) == (status, direct.content)
    assert first.headers["X-ModelTrack-Routed-To"] == target
    second = post(gate, team, path=path, fake=f"absent={target}", **shape)
    assert (second.status_code, "X-ModelTrack-Routed" in second.headers) == (200, False)
    assert models(fake) == [target, target, model]
    assert skipped() == {"refused_before": 1}
    assert f" answered {status} to a call whose model {model} was replaced by {target}: for 10 minutes" in gate.log
    other_shape = post(gate, team, path=path, temperature=0.5)
    assert other_shape.headers["X-ModelTrack-Routed-To"] == target
