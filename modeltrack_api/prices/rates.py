"""What models cost by the token, taken from the one price list that calls are billed by."""

from datetime import datetime
from typing import NamedTuple

from addons.llm.pricing import Prices
from addons.llm.providers import PROVIDERS
from addons.llm.usage import Usage

PRICE_IDS = {provider.name: provider.price_id for provider in PROVIDERS}
"""Names at genai-prices, by those that events have."""


class Rate(NamedTuple):
    """Nano-USD for 1000 tokens. None: such tokens have no price of their own."""

    input: int
    output: int
    cache_read: int | None
    cache_write: int | None


class Rates:
    """Of one moment. Of a model that costs more in long calls, those of short ones."""

    def __init__(self, prices: Prices, now: datetime) -> None:
        self._prices = prices
        self._now = now
        self._known: dict[tuple[str, str], Rate | None] = {}

    def of(self, provider: str, model: str) -> Rate | None:
        """`provider` as events spell it. None for a model without a price."""
        key = provider, model
        if key not in self._known:
            self._known[key] = self._look_up(provider, model) if provider in PRICE_IDS else None
        return self._known[key]

    def _look_up(self, provider: str, model: str) -> Rate | None:
        def price(usage: Usage) -> int | None:
            return self._prices.cost(provider, PRICE_IDS[provider], model, usage, self._now)

        input, output = price(Usage(input_tokens=1000)), price(Usage(output_tokens=1000))
        if input is None or output is None:
            return None
        return Rate(input, output, price(Usage(cache_read_tokens=1000)), price(Usage(cache_write_tokens=1000)))
