"""The list of models with a price."""

from datetime import UTC, datetime, timedelta

from addons.llm.prices.pricing import Prices
from addons.llm.prices.pricing_file import PricingFile
from addons.llm.providers import PROVIDERS
from addons.llm.usage import Usage
from modeltrack_api.prices.catalogue import CATALOGUE, Catalogue

NOW = datetime(2026, 4, 3, 15, 30, tzinfo=UTC)


def test_every_model_that_is_listed_has_the_price_that_calls_are_billed_by() -> None:
    prices = Prices()
    listed = CATALOGUE.models(PricingFile(), NOW)
    assert list(listed) == [provider.name for provider in PROVIDERS]
    for provider, models in listed.items():
        assert len(models) > 10
        for name, model in models.items():
            assert (model.provider, model.model) == (provider, name)
            for usage in (Usage(input_tokens=1000), Usage(output_tokens=1000)):
                assert prices.cost(provider, name, usage, NOW) == model.rates.cost(usage)


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
    assert after["azure"]["mine"].rates == after["azure"]["gpt-4o"].rates
    assert after["openai"]["gpt-4o"].rates.buckets[:2] == (1, 2)
    assert "mine" not in before["azure"]
    assert list(after) == list(before)
    assert catalogue.models(own, NOW + timedelta(days=1)) is not after
