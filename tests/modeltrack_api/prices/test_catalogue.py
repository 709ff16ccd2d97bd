"""Models with a price, and which are comparable."""

from datetime import UTC, datetime, timedelta

import pytest

from addons.llm.pricing import Prices, PricingFile
from addons.llm.providers import PROVIDERS
from addons.llm.usage import Usage
from modeltrack_api.prices.catalogue import CATALOGUE, PRICE_IDS, Catalogue, cheapest, comparable, family
from modeltrack_api.prices.rates import Rates

NOW = datetime(2026, 4, 3, 15, 30, tzinfo=UTC)


def test_every_model_that_is_listed_has_the_price_that_calls_are_billed_by() -> None:
    prices = Prices()
    listed = CATALOGUE.models(PricingFile(), NOW)
    assert list(listed) == [provider.name for provider in PROVIDERS]
    for provider, models in listed.items():
        assert len(models) > 10
        for name, model in models.items():
            assert (model.provider, model.model) == (provider, name)
            for usage, rate in (
                (Usage(input_tokens=1000), model.rate.input),
                (Usage(output_tokens=1000), model.rate.output),
            ):
                assert prices.cost(provider, PRICE_IDS[provider], name, usage, NOW) == rate


def test_prices_of_ones_own_are_in_it_and_it_is_made_anew_when_they_change() -> None:
    catalogue = Catalogue()
    before = catalogue.models(PricingFile(), NOW)
    assert catalogue.models(PricingFile(), NOW + timedelta(hours=1)) is before
    own = PricingFile.model_validate(
        {
            "models": [
                {"provider": "azure", "model": "mine", "same_as": "gpt-4o"},
                {"provider": "openai", "model": "gpt-4o", "input": 1, "output": 2},
                {"provider": "nobody", "model": "x", "input": 1, "output": 2},
            ]
        }
    )
    after = catalogue.models(own, NOW)
    assert after["azure"]["mine"].rate == after["azure"]["gpt-4o"].rate
    assert after["openai"]["gpt-4o"].rate[:2] == (1_000_000, 2_000_000)
    assert "mine" not in before["azure"]
    assert list(after) == list(before)
    assert catalogue.models(own, NOW + timedelta(days=1)) is not after


@pytest.mark.parametrize(
    ("model", "other", "expected"),
    [
        ("claude-sonnet-4-6", "claude-haiku-4-5", True),
        ("claude-opus-4-5-20251101", "claude-haiku-4-5-20251001", True),
        ("claude-sonnet-4-6", "claude-3-haiku", False),
        ("gpt-4o", "gpt-4o-mini", True),
        ("gpt-4o", "gpt-4.1-nano", True),
        ("gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18", True),
        ("gpt-4o", "gpt-5-nano", False),
        ("gpt-4o", "gpt-4o-mini-transcribe", False),
        ("gpt-4o-audio-preview", "gpt-4o-mini-audio-preview", True),
        ("o3", "o3-mini", True),
        ("o3", "gpt-3.5-turbo", False),
        ("us.anthropic.claude-sonnet-4-6", "anthropic.claude-haiku-4-5-20251001-v1:0", True),
        ("us.anthropic.claude-sonnet-4-6", "global.anthropic.claude-haiku-4-5-20251001-v1:0", False),
        ("us.anthropic.claude-sonnet-4-6", "amazon.nova-micro-v1:0", False),
    ],
)
def test_comparable_are_models_of_one_vendor_generation_and_kind(model: str, other: str, expected: bool) -> None:
    assert (family(model) == family(other)) is expected


@pytest.mark.parametrize("model", ["", "mine", "3", "\n", "é-1", "." * 300, "a." * 5000])
def test_a_name_that_says_nothing_has_none_comparable(model: str) -> None:
    assert family(model) is None
    assert list(comparable(model, CATALOGUE.models(PricingFile(), NOW)["openai"])) == []


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
    models = CATALOGUE.models(PricingFile(), NOW).get(provider, {})
    found = cheapest(provider, model, (1000, 200), Rates(Prices(), NOW), models)
    assert (found and (found[0].model, pytest.approx(found[1]))) == expected


def test_without_tokens_there_is_nothing_to_compare() -> None:
    models = CATALOGUE.models(PricingFile(), NOW)["anthropic"]
    assert cheapest("anthropic", "claude-opus-4-6", (0, 0), Rates(Prices(), NOW), models) is None
