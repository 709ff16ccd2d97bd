"""Test that the lines of a bill add up to what `Prices.cost` returns, to the nano-dollar, for any usage."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.inspecting.bill import Line, bill
from addons.llm.prices.pricing import Prices
from addons.llm.prices.pricing_file import PricingFile
from addons.llm.usage import Usage

WHEN = datetime(2026, 11, 24, tzinfo=UTC)
MINE = {"provider": "openai", "model": "my-ft", "input": 2.0, "output": 8.0, "cache_read": 0.5, "cache_write": 2.5}
ALIAS = {"provider": "azure", "model": "prod-chat", "same_as": "gpt-4o"}
PRICES = Prices(PricingFile.model_validate({"models": [MINE, ALIAS]}))


def lines_of(provider: str, model: str, usage: Usage) -> list[Line] | None:
    return bill(PRICES, provider, model, usage, WHEN)


def cost(provider: str, model: str, usage: Usage) -> int | None:
    return PRICES.cost(provider, model, usage, WHEN)


def nanos(lines: list[Line]) -> int:
    return int((sum(line.usd for line in lines) * Decimal(10**9)).to_integral_value(ROUND_HALF_EVEN))


def test_each_bucket_has_its_count_and_price() -> None:
    usage = Usage(200, 200, 300, 500, 200, web_searches=2)
    assert [tuple(map(str, line[1:])) for line in lines_of("anthropic", "claude-sonnet-4-6", usage) or []] == [
        ("input", "200", "3", "0.0006"),
        ("output", "200", "15", "0.003"),
        ("cache read", "300", "0.3", "0.00009"),
        ("cache write", "300", "3.75", "0.001125"),
        ("cache write 1h", "200", "6", "0.0012"),
        ("web searches", "2", "10", "0.02"),
    ]


@pytest.mark.parametrize(
    ("model", "usage", "rates"),
    [
        ("claude-sonnet-4-5", Usage(300_000, 200), ["6", "22.5"]),
        ("claude-sonnet-4-5", Usage(200_000, 200), ["3", "15"]),
        ("claude-sonnet-4-6", Usage(1000, 200, service_tier="batch"), ["1.5", "7.5"]),
        ("claude-opus-4-8", Usage(1000, 200, speed="fast"), ["10", "50"]),
    ],
)
def test_the_prices_are_those_of_the_size_tier_and_speed(model: str, usage: Usage, rates: list[str]) -> None:
    assert [str(line.rate) for line in lines_of("anthropic", model, usage) or []] == rates


def test_what_other_models_used_for_the_answer_has_its_own_lines() -> None:
    usage = Usage(extra=(("", Usage(1000, 200)), ("claude-haiku-4-5", Usage(100, 10))))
    found = lines_of("anthropic", "claude-sonnet-4-6", usage) or []
    assert [(line.model, line.bucket, line.quantity) for line in found] == [
        ("claude-sonnet-4-6", "input", 1000),
        ("claude-sonnet-4-6", "output", 200),
        ("claude-haiku-4-5", "input", 100),
        ("claude-haiku-4-5", "output", 10),
    ]
    assert nanos(found) == 6_150_000


def test_without_a_price_there_is_no_bill() -> None:
    assert lines_of("openai", "my-fine-tune", Usage(1, 1)) is None


MODELS = [
    *(("anthropic", model) for model in ("claude-sonnet-4-5", "claude-sonnet-4-6", "claude-opus-4-8")),
    *(("openai", model) for model in ("gpt-4o", "gpt-5", "o3-pro", "text-embedding-3-small", "my-ft", "none")),
    *(("bedrock", model) for model in ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "amazon.nova-lite-v1:0")),
    *(("azure", model) for model in ("gpt-4o", "prod-chat")),
]
TOKENS = st.integers(0, 10**6)
USAGES = st.builds(
    lambda i, o, r, w5, w1, searches, tier, speed: Usage(
        i, o, r, w5 + w1, w1, service_tier=tier, speed=speed, web_searches=searches
    ),
    *(TOKENS,) * 5,
    st.integers(0, 20),
    st.sampled_from(["", "standard", "batch", "flex", "priority"]),
    st.sampled_from(["", "fast"]),
)


@given(st.sampled_from(MODELS), USAGES, st.lists(USAGES, max_size=2))
def test_the_lines_add_up_to_the_cost(name: tuple[str, str], usage: Usage, passes: list[Usage]) -> None:
    model: Any
    provider, model = name
    used = Usage(extra=tuple(("", one) for one in (usage, *passes))) if passes else usage
    found = lines_of(provider, model, used)
    assert (None if found is None else nanos(found)) == cost(provider, model, used)
