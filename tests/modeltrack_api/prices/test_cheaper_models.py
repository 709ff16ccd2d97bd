"""The one rule for a cheaper model, by example and over all models with a price."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.llm.prices.pricing import Prices
from addons.llm.prices.pricing_file import PricingFile
from addons.llm.usage import Usage
from modeltrack_api.prices.catalogue import CATALOGUE, Catalogue
from modeltrack_api.prices.cheaper_models import CheaperModels, Switch
from modeltrack_api.prices.families import family_of

NOW = datetime(2026, 4, 3, 15, 30, tzinfo=UTC)
LATER = datetime(2026, 11, 24, tzinfo=UTC)


def rule(now: datetime = NOW, *own: dict[str, Any]) -> CheaperModels:
    file = PricingFile.model_validate({"models": own})
    return CheaperModels(Prices(file), (Catalogue() if own else CATALOGUE).models(file, now), now)


def cheapest(provider: str, model: str, *own: dict[str, Any]) -> str | None:
    found = rule(LATER, *own).cheapest(provider, model, (1000, 200))
    return found[0].model if found else None


@pytest.mark.parametrize("model", ["", "mine", "3", "\n", "é-1", "." * 300, "a." * 5000])
def test_a_name_that_says_nothing_has_none_comparable(model: str) -> None:
    assert list(rule().comparable("openai", model)) == []


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        ("anthropic", "claude-opus-4-6", ("claude-haiku-4-5", 0.2)),
        ("bedrock", "us.anthropic.claude-sonnet-4-6", ("us.anthropic.claude-haiku-4-5-20251001-v1:0", 1 / 3)),
        ("openai", "o3", ("o3-mini", 0.55)),
        ("anthropic", "claude-haiku-4-5", None),
        ("openai", "no-such-model-4", None),
        ("nobody", "gpt-4o", None),
    ],
)
def test_the_cheapest_by_the_tokens(provider: str, model: str, expected: tuple[str, float] | None) -> None:
    found = rule().cheapest(provider, model, (1000, 200))
    assert (found and (found[0].model, pytest.approx(found[1]))) == expected


def test_without_tokens_there_is_nothing_to_compare() -> None:
    assert rule().cheapest("anthropic", "claude-opus-4-6", (0, 0)) is None


@pytest.mark.parametrize(
    ("provider", "model", "other"),
    [
        ("openai", "gpt-4o", "gpt-4.1-nano"),
        ("openai", "gpt-4o-2024-08-06", "gpt-4.1-nano"),
        ("openai", "gpt-5", "gpt-5-nano"),
        ("openai", "gpt-5.3-chat-latest", None),  # the others of its generation reason
        ("openai", "gpt-5.3", None),
        ("openai", "o1", "o1-mini"),
        ("openai", "text-embedding-3-large", "text-embedding-3-small"),
        ("openai", "gpt-image-1", "gpt-image-1-mini"),
        ("openai", "gpt-4o-realtime-preview", "gpt-4o-mini-realtime-preview"),
        ("openai", "ft:gpt-4o-mini:acme::a1", None),
        ("azure", "gpt-4o", "gpt-4.1-nano"),
        ("azure", "phi-4", None),  # what is cheaper follows instructions, or reasons
        ("azure", "grok-3", None),  # grok-3-mini reasons
        ("azure", "grok-4-0709", "grok-4-1-fast-reasoning"),
        ("azure", "kimi-k2-thinking", None),
        ("bedrock", "amazon.nova-pro-v1:0", "amazon.nova-micro-v1:0"),
        ("bedrock", "amazon.nova-sonic-v1:0", None),
        ("bedrock", "amazon.titan-text-express-v1", "amazon.titan-text-lite-v1"),
        ("bedrock", "eu.anthropic.claude-opus-4-6-v1", "eu.anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("bedrock", "qwen.qwen3-coder-480b-a35b-v1:0", "qwen.qwen3-coder-30b-a3b-v1:0"),
        (
            "bedrock",
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-pro-v1:0",
            "us.amazon.nova-micro-v1:0",
        ),
    ],
)
def test_the_cheaper_model_is_one_for_the_same_work(provider: str, model: str, other: str | None) -> None:
    assert cheapest(provider, model) == other


def test_a_name_of_ones_own_is_compared_as_the_model_that_it_stands_for() -> None:
    own = [
        {"provider": "azure", "model": "gpt-4-search", "same_as": "text-embedding-3-small"},
        {"provider": "azure", "model": "prod-chat", "same_as": "gpt-4o"},
    ]
    assert cheapest("azure", "gpt-4o", *own) == "gpt-4.1-nano"
    assert cheapest("azure", "prod-chat", *own) == "gpt-4.1-nano"


def test_a_model_of_ones_own_whose_output_costs_nothing_is_none_that_chats() -> None:
    own = {"provider": "openai", "model": "gpt-4-vectors", "input": 0.001, "output": 0}
    assert cheapest("openai", "gpt-4o", own) == "gpt-4.1-nano"


LISTED = [(provider, name) for provider, models in CATALOGUE.models(PricingFile(), LATER).items() for name in models]
TOKENS = st.integers(0, 100_000)


@given(st.sampled_from(LISTED), TOKENS, TOKENS)
def test_of_all_models_the_cheaper_one_is_of_the_same_kind_and_costs_less(
    name: tuple[str, str], inputs: int, outputs: int
) -> None:
    provider, model = name
    prices, usage = Prices(), Usage(inputs, outputs)
    found = rule(LATER).cheapest(provider, model, (inputs, outputs))
    if found is None:
        return
    other, part = found
    [family, others] = [
        family_of(price, price.rates(Usage(), LATER))
        for each in (model, other.model)
        for price in (prices.find(provider, each),)
        if price
    ]
    assert family == others
    assert (other.provider, other.rates.output > 0) == (provider, bool(family and family.writes))
    before, after = (prices.rates(provider, each, LATER) for each in (model, other.model))
    assert before and after
    assert after.cost(usage) < before.cost(usage)
    assert part == pytest.approx(float(after.cost(usage) / before.cost(usage)))


def test_an_amount_says_what_it_assumes_and_what_was_not_compared() -> None:
    switch = Switch("openai", "gpt-4o", "x" * 100, 5 * 10**9, 2 * 10**9)
    assert switch.advice == (
        f"Try {'x' * 79}… in place of gpt-4o (openai): at today's mix of tokens it would have saved about $2.00 of"
        " $5.00; quality was not compared."
    )
