"""Check that the rates read off genai-prices once give the costs that it works out, for all models of our providers."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ClauseEquals, ConditionalPrice, ModelInfo, ModelPrice
from hypothesis import given, settings
from hypothesis import strategies as st

from addons.llm.prices.genai_price import GenaiPrice
from addons.llm.prices.rates import Rates
from addons.llm.providers import PROVIDERS
from addons.llm.usage import PARTS, Usage

WHEN = datetime(2026, 11, 24, tzinfo=UTC)
LISTS = {found.id: found for found in get_snapshot().providers}
LISTED = {
    f"{provider.name} {model.id}": GenaiPrice(model.id, model, LISTS[provider.price_id])
    for provider in PROVIDERS
    for price_id in (provider.price_id, *(LISTS[provider.price_id].fallback_model_providers or ()))
    for model in LISTS[price_id].models
}
SIZES = (0, 1, 99_999, 100_000, 100_001, 128_000, 199_999, 200_000, 200_001, 272_000, 272_001)
TOKENS = st.integers(0, 400_000) | st.sampled_from(SIZES)
USAGES = st.builds(
    lambda counts, write_1h, tier, speed, searches, parts: Usage(
        *counts,
        min(counts[3], write_1h),
        service_tier=tier,
        speed=speed,
        web_searches=searches,
        file_searches=searches // 2,
        **dict(
            zip(
                PARTS,
                (counts[at] * share // 8 for at, share in zip((0, 0, 2, 2, 1, 1), parts, strict=True)),
                strict=True,
            )
        ),
    ),
    st.tuples(TOKENS, TOKENS, TOKENS, TOKENS),
    TOKENS,
    st.sampled_from(["", "", "default", "batch", "flex", "priority", "fast"]),
    st.sampled_from(["", "", "standard", "fast"]),
    st.integers(0, 20),
    st.just((0,) * 6) | st.tuples(*[st.integers(0, 4)] * 6),  # audio and images, in eighths of what they are a part of
)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from([*LISTED]), USAGES)
def test_the_rates_of_a_model_say_what_genai_prices_says(name: str, usage: Usage) -> None:
    price = LISTED[name]
    assert price.cost(usage, WHEN) == price.calculated(usage, WHEN)


@pytest.mark.parametrize("size", SIZES)
def test_each_models_rates_do_at_each_size_of_a_call(size: int) -> None:
    usage = Usage(size, 7, 11, 13, 5)
    for name, price in LISTED.items():
        cost, rates = price.cost(usage, WHEN), price.rates(usage, WHEN)
        assert cost == price.calculated(usage, WHEN), name
        assert (cost is None) == (rates is None), name
        assert rates is None or rates.cost(usage) == cost, name


def test_nearly_all_models_have_rates_so_that_their_prices_are_not_taken_apart_for_each_call() -> None:
    for price in LISTED.values():
        price.cost(Usage(1, 1), WHEN)
    assert sum(any(price.tiers.values()) for price in LISTED.values()) > len(LISTED) * 0.9


def made(**prices: Decimal) -> GenaiPrice:
    return GenaiPrice("m", ModelInfo("m", ClauseEquals("m"), prices=ModelPrice(**prices)), LISTS["openai"])


def test_a_kind_of_tokens_without_a_price_of_its_own_has_that_of_the_next_wider_kind() -> None:
    rates = made(input_mtok=Decimal(1), cache_write_mtok=Decimal(2)).rates(Usage(), WHEN)
    assert rates == Rates(*map(Decimal, (1, 0, 1, 2, 2)), web_search=Decimal(10))


def test_a_cost_that_is_not_linear_in_the_tokens_is_left_to_genai_prices() -> None:
    """A request costs 2 USD per thousand, whatever its tokens."""
    price = made(input_mtok=Decimal(1), requests_kcount=Decimal(2))
    assert price.cost(Usage(1000), WHEN) == 10**6 + 2 * 10**6
    assert not any(price.tiers.values())


def test_a_price_that_changes_with_the_time_changes_with_it() -> None:
    class Later:
        @staticmethod
        def active(when: datetime) -> bool:
            return when > WHEN

    prices = [
        ConditionalPrice(prices=ModelPrice(input_mtok=Decimal(1))),
        ConditionalPrice(Later(), prices=ModelPrice(input_mtok=Decimal(3))),
    ]  # type: ignore[arg-type]
    price = GenaiPrice("m", ModelInfo("m", ClauseEquals("m"), prices=prices), LISTS["openai"])
    costs = [price.cost(Usage(1000), WHEN + timedelta(seconds=late)) for late in (0, 1, 0)]
    assert costs == [10**6, 3 * 10**6, 10**6]
