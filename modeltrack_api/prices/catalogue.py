"""The models that have a price, at each provider.

Prices come from where calls are priced, `addons.llm.prices`: genai-prices, or pricing.json where it names the model.
"""

import threading
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import NamedTuple

from genai_prices.data_snapshot import get_snapshot

from addons.llm.prices.pricing import Prices
from addons.llm.prices.pricing_file import PricingFile
from addons.llm.prices.rates import Rates
from addons.llm.providers import PROVIDERS, Provider
from modeltrack_api.prices.families import Family, family_of


class Listed(NamedTuple):
    provider: str
    """The provider's name, as events spell it."""
    model: str
    rates: Rates
    """Prices of short calls."""
    family: Family | None
    context_window: int | None
    """The tokens that the context holds; None if that is not known."""


Models = Mapping[str, Mapping[str, Listed]]
"""The models with a price by provider, and then by name, in the order of names."""


class Catalogue:
    """Reads the models anew when pricing.json changes, and every day, since prices have dates: some 0.1 s each time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made_of: tuple[PricingFile, date] | None = None
        self._models: Models = {}

    def models(self, pricing: PricingFile, now: datetime) -> Models:
        made_of = pricing, now.date()
        with self._lock:
            if made_of != self._made_of:
                prices = Prices(pricing)
                self._models = {each.name: dict(_listed(each, prices, pricing, now)) for each in PROVIDERS}
                self._made_of = made_of
            return self._models


CATALOGUE = Catalogue()


def _listed(provider: Provider, prices: Prices, pricing: PricingFile, now: datetime) -> Iterator[tuple[str, Listed]]:
    own = (entry.model for entry in pricing.models if entry.provider == provider.name)
    for model in sorted({*_names(provider), *own}):
        price = prices.find(provider.name, model)
        rates = prices.rates(provider.name, model, now)
        if price and rates and (rates.input or rates.output):
            yield model, Listed(provider.name, model, rates, family_of(price, rates), price.context_window)


def _names(provider: Provider) -> Iterator[str]:
    """Yield the names in the provider's price list and in those that it falls back to. Bedrock's "regional." stands for
    us., eu. and the like, or for none.
    """
    lists = {found.id: found for found in get_snapshot().providers}
    own = lists[provider.price_id]
    for source in (own, *(lists[name] for name in own.fallback_model_providers or ())):
        for model in source.models:
            yield model.id.removeprefix("regional.")
