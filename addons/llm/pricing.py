"""What a call costs, in whole nano-USD (10^-9 USD): by genai-prices, or by data/pricing.json where it names the model.

genai-prices keeps prices as data, by provider, model, time and tier, and never goes to the network unless asked to.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Any

import genai_prices
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, PriceCalculation, TieredPrices
from genai_prices.types import ModelPrice as GenaiPrice
from genai_prices.types import Provider as PriceList
from pydantic import BaseModel, ConfigDict, Field, model_validator

from addons.ledger.money import NANOS_PER_USD
from addons.llm.usage import Usage

_LONGEST_MODEL_NAME = 256
SEARCH_FEE = Decimal(10)
"""USD per thousand web searches: what Anthropic and OpenAI ask for any model, where a model's prices leave it out."""
_REMEMBERED_MODELS = 4096
_NOT_YET: Any = object()

PerMillion = Annotated[Decimal, Field(ge=0, le=10**9, allow_inf_nan=False)]


class ModelPrice(BaseModel):
    """One entry of pricing.json: prices in USD per million tokens (one left out is that of `input`) and per thousand
    web searches, or `same_as`: the name of a model that has a price, for a name of one's own such as an Azure
    deployment's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: str = Field(min_length=1)
    model: str = Field(min_length=1)
    input: PerMillion = Decimal(0)
    output: PerMillion = Decimal(0)
    cache_read: PerMillion | None = None
    cache_write: PerMillion | None = None
    cache_write_1h: PerMillion | None = None
    web_search: PerMillion = SEARCH_FEE
    same_as: str = ""

    @model_validator(mode="after")
    def _says_one_thing(self) -> "ModelPrice":
        prices = self.model_fields_set - {"provider", "model", "same_as"}
        if self.same_as and prices:
            raise ValueError("has prices, or `same_as`, but not both")
        if not self.same_as and not {"input", "output"} <= prices:
            raise ValueError("needs `input` and `output`, or `same_as`")
        return self

    def rates(self) -> tuple[Decimal, ...]:
        """USD per million tokens of each of `Usage.buckets`."""
        write = self.input if self.cache_write is None else self.cache_write
        write_1h = write if self.cache_write_1h is None else self.cache_write_1h
        read = self.input if self.cache_read is None else self.cache_read
        return self.input, self.output, read, write, write_1h

    def cost(self, usage: Usage) -> Decimal:
        """USD."""
        million = sum(tokens * rate for tokens, rate in zip(usage.buckets, self.rates(), strict=True))
        return Decimal(million) / 10**6 + usage.web_searches * self.web_search / 1000


class PricingFile(BaseModel):
    """data/pricing.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: list[ModelPrice] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rates:
    """What one token of each kind costs, in nano-USD, where more than `above` tokens go in.

    genai-prices checks and takes apart a model's prices anew for each call, a tenth of a request. Between two
    tiers a cost is linear in the tokens, so these few numbers, asked of it once, say the same.
    """

    above: int
    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal
    cache_write_1h: Decimal
    """Beside what `cache_write` is."""

    def cost(self, usage: Usage) -> Decimal:
        """Nano-USD."""
        nanos = usage.input_tokens * self.input + usage.output_tokens * self.output
        if usage.cache_read_tokens or usage.cache_write_tokens:
            nanos += (
                usage.cache_read_tokens * self.cache_read
                + usage.cache_write_tokens * self.cache_write
                + usage.cache_write_1h_tokens * self.cache_write_1h
            )
        return nanos


@dataclass(frozen=True, slots=True)
class Priced:
    model: ModelInfo
    provider: PriceList
    rates: dict[int, tuple[Rates, ...]] = field(default_factory=dict, compare=False)
    """By the id of those of the model's prices that are in force, which live as long as the model."""


class Prices:
    """Remembers what it has found for each (provider, model)."""

    def __init__(self, overrides: PricingFile | None = None) -> None:
        self._lock = threading.Lock()  # the API asks from many threads
        self._found: dict[tuple[str, str], ModelPrice | Priced | None] = {}
        self._overrides: Mapping[tuple[str, str], ModelPrice] = {}
        self._lists: dict[str, PriceList] = {}
        if overrides:
            self.override(overrides)

    def override(self, file: PricingFile) -> None:
        """Take these prices before genai-prices' own, in place of those of an earlier call."""
        with self._lock:
            self._overrides = {(price.provider, price.model): price for price in file.models}
            self._found.clear()

    def warm_up(self, provider_ids: Mapping[str, str]) -> None:
        """Read the price data (about 0.3 s) before a request has to wait for it."""
        for name, price_id in provider_ids.items():
            self.find(name, price_id, "gpt-4o")

    def overrides(self, provider: str, model: str) -> bool:
        """Whether pricing.json names this model."""
        return (provider, model) in self._overrides

    def known(self, provider: str, price_id: str, model: str) -> bool:
        return self.find(provider, price_id, model) is not None

    def full_name(self, provider: str, price_id: str, model: str) -> str:
        """With the date and version that Bedrock wants in `us.anthropic.claude-haiku-4-5`, where only one form of the
        name has a price. Others are as they are.
        """
        bare = model.rpartition("anthropic.")[2]
        if bare == model or self.known(provider, price_id, model) or price_id not in self._lists:
            return model
        dated = re.compile(rf"anthropic\.{re.escape(bare)}(-\d{{8}}-v\d+(?::\d+)?)")
        forms = {match[1] for item in self._lists[price_id].models if (match := dated.search(item.id))}
        return model + forms.pop() if len(forms) == 1 else model

    def find(self, provider: str, price_id: str, model: str) -> ModelPrice | Priced | None:
        """`provider` as events spell it, `price_id` as genai-prices does."""
        key = (provider, model)
        found: ModelPrice | Priced | None = self._found.get(key, _NOT_YET)
        if found is _NOT_YET:
            with self._lock:
                if len(self._found) >= _REMEMBERED_MODELS:
                    self._found.clear()  # clients may send any number of names
                found = self._found[key] = self._look_up(price_id, key)
        return found

    def _look_up(self, price_id: str, key: tuple[str, str]) -> ModelPrice | Priced | None:
        override, model = self._overrides.get(key), key[1]
        if override and override.same_as:
            model = override.same_as
            override = self._overrides.get((key[0], model))
        if override:
            return None if override.same_as else override
        if len(model) > _LONGEST_MODEL_NAME:
            return None
        if model.startswith("arn:"):  # Bedrock's: …:inference-profile/us.anthropic.…, …::foundation-model/anthropic.…
            model = model.rpartition("/")[2]
        snapshot = get_snapshot()
        price_list = self._lists.get(price_id)
        if price_list is None:
            price_list = self._lists[price_id] = snapshot.find_provider(model, price_id, None)
        found = price_list.find_model(model, all_providers=snapshot.providers)
        return Priced(found, price_list) if found else None

    def cost(self, provider: str, price_id: str, model: str, usage: Usage, when: datetime) -> int | None:
        """Nano-USD, rounded once, half to even. None where the model, or one of the tokens' kinds, has no price."""
        nanos = self._nanos(provider, price_id, model, usage, when)
        for other, extra in usage.extra:
            more = self._nanos(provider, price_id, other or model, extra, when)
            nanos = None if nanos is None or more is None else nanos + more
        return None if nanos is None else int(nanos.to_integral_value(ROUND_HALF_EVEN))

    def _nanos(self, provider: str, price_id: str, model: str, usage: Usage, when: datetime) -> Decimal | None:
        """Not rounded, and without the usage's `extra`."""
        price = self.find(provider, price_id, model)
        if isinstance(price, Priced):
            return genai_cost(price, usage, when)
        return price.cost(usage) * NANOS_PER_USD if price else None


def genai_cost(price: Priced, usage: Usage, when: datetime) -> Decimal | None:
    """Nano-USD, not rounded; None where one of the tokens' kinds has no price."""
    if not usage.web_searches and not _context(usage):
        prices = price.model.get_prices(when)
        rates = price.rates.get(id(prices))
        if rates is None:
            rates = price.rates[id(prices)] = _rates(price, prices, when)
        total = usage.total_input_tokens
        for rate in rates:
            if total > rate.above:
                return rate.cost(usage)
    usd = _calculated(price, usage, when)
    return None if usd is None else usd * NANOS_PER_USD


def _rates(price: Priced, prices: GenaiPrice, when: datetime) -> tuple[Rates, ...]:
    """Of each tier, the highest first; empty where there is a model's price that cannot be had."""
    tiers = [item.tiers for item in vars(prices).values() if isinstance(item, TieredPrices)]
    starts = {0, *(tier.start for found in tiers for tier in found)}
    found = []
    for start in sorted(starts, reverse=True):
        low = Usage(start + 1)
        costs = [_calculated(price, usage, when) for usage in (low, *(_one_more(low, kind) for kind in _KINDS))]
        if None in costs:
            return ()
        base, *more = [cost * NANOS_PER_USD for cost in costs if cost is not None]
        rates = [cost - base for cost in more]
        if rates[0] * low.input_tokens != base:
            return ()  # something else than tokens has a price
        rates[-1] -= rates[-2]  # an hour's write is a write, too
        found.append(Rates(start or -1, *rates))
    return tuple(found)


_KINDS = (
    {"input_tokens": 1},
    {"output_tokens": 1},
    {"cache_read_tokens": 1},
    {"cache_write_tokens": 1},
    {"cache_write_tokens": 1, "cache_write_1h_tokens": 1},
)


def _one_more(usage: Usage, kinds: Mapping[str, int]) -> Usage:
    return replace(usage, **{name: getattr(usage, name) + number for name, number in kinds.items()})


def _calculated(price: Priced, usage: Usage, when: datetime) -> Decimal | None:
    """USD, by genai-prices itself."""
    found = calculate(price, usage, when)
    if found is None or not usage.web_searches or found.model_price.web_searches_kcount is not None:
        return found.total_price if found else None
    return found.total_price + usage.web_searches * SEARCH_FEE / 1000


def calculate(price: Priced, usage: Usage, when: datetime) -> PriceCalculation | None:
    """By genai-prices."""
    tokens = genai_prices.Usage(
        input_tokens=usage.total_input_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens or None,
        output_tokens=usage.output_tokens,
        web_searches=usage.web_searches or None,
    )
    try:
        return price.model.calc_price(
            tokens, price.provider, genai_request_timestamp=when, price_context=_context(usage)
        )
    except (LookupError, ValueError):
        return None


def _context(usage: Usage) -> dict[str, str] | None:
    """What else than tokens decides the price, in genai-prices' terms."""
    context = _CONTEXT_OF_TIER.get(usage.service_tier)
    return (context or {}) | {"speed": "fast"} if usage.speed == "fast" else context


_CONTEXT_OF_TIER: dict[str, dict[str, str]] = {
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "fast": {"service_tier": "fast"},
}
"""The service tier that an answer states, in genai-prices' terms; others are the standard one."""
