"""Price one model's usages by genai-prices, which keeps prices as data, by provider, model, time and tier.

genai-prices checks and takes apart a model's prices anew for each call, which takes a tenth of a request's time.
Between two sizes of a request at which a price changes, a cost is linear in the tokens. So the prices are read once as
`Rates`, and used where they give the cost that genai-prices gives for a usage with all kinds of tokens.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

import genai_prices
from genai_prices.types import ModelInfo, PriceCalculation, TieredPrices, calc_unit_price
from genai_prices.types import ModelPrice as Prices
from genai_prices.types import Provider as PriceList

from addons.ledger.money import NANOS_PER_USD
from addons.llm.prices.rates import FILE_SEARCH_FEE, SEARCH_FEE, Rates
from addons.llm.usage import Usage


@dataclass(frozen=True, slots=True)
class GenaiPrice:
    name: str
    """The name that the model was found by."""
    model: ModelInfo
    price_list: PriceList
    tiers: dict[int, tuple[tuple[int, Rates], ...]] = field(default_factory=dict, compare=False)
    """The input tokens from which on rates apply, and the rates, the highest number first; empty where a cost is not
    linear in the tokens. The key is the id of the prices that were in force, which live as long as the model."""

    @property
    def title(self) -> str:
        """Return the model's name for people, "" if it has none."""
        return self.model.name or ""

    @property
    def context_window(self) -> int | None:
        """Return how many tokens the model's context holds, None if that is not known."""
        return self.model.context_window

    def rates(self, usage: Usage, when: datetime) -> Rates | None:
        """Return the prices of a usage of this size, tier and speed; None where one of its kinds of tokens has none.

        A cost may have more in it than these, such as a fee for each request.
        """
        if rates := self._linear(usage, when):
            return rates
        found = self._calculate(usage, when)
        return _read(found.model_price, usage.total_input_tokens) if found else None

    def cost(self, usage: Usage, when: datetime) -> Decimal | None:
        """Return nano-USD, not rounded; None where one of the usage's kinds of tokens has no price."""
        rates = self._linear(usage, when)
        return rates.cost(usage) if rates else self.calculated(usage, when)

    def calculated(self, usage: Usage, when: datetime) -> Decimal | None:
        """Return what `cost` does, as genai-prices itself works it out."""
        found = self._calculate(usage, when)
        if found is None:
            return None
        usd = found.total_price
        if usage.web_searches and found.model_price.web_searches_kcount is None:
            usd += usage.web_searches * SEARCH_FEE / 1000
        if usage.file_searches and found.model_price.storage_searches_kcount is None:
            usd += usage.file_searches * FILE_SEARCH_FEE / 1000
        return usd * NANOS_PER_USD

    def _linear(self, usage: Usage, when: datetime) -> Rates | None:
        """Return the rates that the cost can be worked out by, None where only genai-prices can."""
        if (usage.service_tier or usage.speed) and _context(usage):
            return None
        prices = self.model.get_prices(when)
        tiers = self.tiers.get(id(prices))
        if tiers is None:
            tiers = self.tiers[id(prices)] = self._read_tiers(prices, when)
        for start, rates in tiers:
            if not start or usage.total_input_tokens >= start:
                return rates
        return None

    def _read_tiers(self, prices: Prices, when: datetime) -> tuple[tuple[int, Rates], ...]:
        tiered = [price.tiers for price in vars(prices).values() if isinstance(price, TieredPrices)]
        starts = {0, *(tier.start + 1 for tiers in tiered for tier in tiers)}
        found = [(start, _read(prices, start)) for start in sorted(starts, reverse=True)]
        probes = [(replace(_PROBE, input_tokens=start + 8), rates) for start, rates in found]
        is_linear = all(self.calculated(usage, when) == rates.cost(usage) for usage, rates in probes)
        return tuple(found) if is_linear else ()

    def _calculate(self, usage: Usage, when: datetime) -> PriceCalculation | None:
        tokens = genai_prices.Usage(
            input_tokens=usage.total_input_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            cache_write_1h_tokens=usage.cache_write_1h_tokens or None,
            output_tokens=usage.output_tokens,
            web_searches=usage.web_searches or None,
            storage_searches=usage.file_searches or None,
            **(_parts(usage) if usage.has_parts else {}),
        )
        context = _context(usage)
        try:
            return self.model.calc_price(tokens, self.price_list, genai_request_timestamp=when, price_context=context)
        except (LookupError, ValueError):
            return None


def has_price_of_calls(model: ModelInfo) -> bool:
    """Tell whether tokens or requests of a model have a price, or nothing of it does, as it is free.

    Some models are billed by the hour or by the character alone: what their tokens cost is not known, and not 0.
    """
    versions = model.prices if isinstance(model.prices, list) else [model.prices]
    listed = [vars(getattr(one, "prices", one)) for one in versions]
    units = {name.rpartition("_")[2] for prices in listed for name, price in prices.items() if price is not None}
    return not units or not units.isdisjoint(("mtok", "kcount"))


def _read(prices: Prices, total_input_tokens: int) -> Rates:
    """Read a model's prices for requests of this size, as genai-prices applies them: where one kind of input tokens has
    no price of its own, that of the next wider kind holds.
    """
    listed = vars(prices)

    def price(*names: str) -> Decimal | None:
        found = next((listed[name] for name in names if listed.get(name) is not None), None)
        return None if found is None else calc_unit_price(found, 1, total_input_tokens, 1)

    fee, file_fee = price("web_searches_kcount"), price("storage_searches_kcount")
    parts = {name: found for name, listed_as in _PRICES_OF_PARTS.items() if (found := price(listed_as)) is not None}
    if listed.get("cache_read_mtok") is None:
        # Without a price for the cache's tokens, cached audio is no cheaper than other audio.
        for cached, name in _CACHED_PARTS.items():
            if name in parts:
                parts.setdefault(cached, parts[name])
    return Rates(
        input=price("input_mtok") or _NOTHING,
        output=price("output_mtok") or _NOTHING,
        cache_read=price("cache_read_mtok", "input_mtok") or _NOTHING,
        cache_write=price("cache_write_mtok", "input_mtok") or _NOTHING,
        cache_write_1h=price("cache_write_1h_mtok", "cache_write_mtok", "input_mtok") or _NOTHING,
        web_search=SEARCH_FEE if fee is None else fee,
        file_search=FILE_SEARCH_FEE if file_fee is None else file_fee,
        parts=parts,
    )


_PRICES_OF_PARTS = {
    "audio_input_tokens": "input_audio_mtok",
    "image_input_tokens": "input_image_mtok",
    "cache_read_audio_tokens": "cache_audio_read_mtok",
    "cache_read_image_tokens": "cache_image_read_mtok",
    "audio_output_tokens": "output_audio_mtok",
    "image_output_tokens": "output_image_mtok",
}


_CACHED_PARTS = {"cache_read_audio_tokens": "audio_input_tokens", "cache_read_image_tokens": "image_input_tokens"}

_PROBE = Usage(
    *(8, 7, 5, 18, 7),
    audio_input_tokens=1,
    image_input_tokens=2,
    cache_read_audio_tokens=1,
    cache_read_image_tokens=2,
    audio_output_tokens=3,
    image_output_tokens=1,
    web_searches=11,
    file_searches=13,
)
"""A usage with all kinds of tokens."""


def _parts(usage: Usage) -> dict[str, int]:
    """Return audio and images in genai-prices' terms: those of the input include those of the cache, and a count that
    is left out is taken for one that is not known.
    """
    return {
        "input_audio_tokens": usage.audio_input_tokens + usage.cache_read_audio_tokens,
        "cache_audio_read_tokens": usage.cache_read_audio_tokens,
        "output_audio_tokens": usage.audio_output_tokens,
        "input_image_tokens": usage.image_input_tokens + usage.cache_read_image_tokens,
        "cache_image_read_tokens": usage.cache_read_image_tokens,
        "output_image_tokens": usage.image_output_tokens,
    }


_NOTHING = Decimal(0)


def _context(usage: Usage) -> dict[str, str] | None:
    """Return what else than tokens decides the price, in genai-prices' terms."""
    context = _CONTEXT_OF_TIER.get(usage.service_tier)
    return (context or {}) | {"speed": "fast"} if usage.speed == "fast" else context


_CONTEXT_OF_TIER: dict[str, dict[str, str]] = {
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "fast": {"service_tier": "fast"},
}
"""The service tier that an answer states, in genai-prices' terms; others are the standard one."""
