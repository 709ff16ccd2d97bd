"""Price calls in whole nano-USD (10^-9 USD): by data/pricing.json where it names the model, else by genai-prices.

Prices are asked for by the provider's name, as events spell it. genai-prices never goes to the network unless asked to.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import Provider as PriceList

from addons.llm.prices.genai_price import GenaiPrice, has_price_of_calls
from addons.llm.prices.pricing_file import ModelPrice, OwnPrice, PricingFile
from addons.llm.prices.rates import Rates
from addons.llm.providers import PROVIDERS
from addons.llm.residency import uplift
from addons.llm.usage import NOTHING, Usage

Price = OwnPrice | GenaiPrice

_PRICE_IDS = {provider.name: provider.price_id for provider in PROVIDERS}
_LONGEST_MODEL_NAME = 256
_REMEMBERED_MODELS = 4096
_NOT_YET: Any = object()


class Prices:
    """Finds the price of a model, and remembers what it has found for each (provider, model)."""

    def __init__(self, overrides: PricingFile | None = None) -> None:
        self._lock = threading.Lock()  # the API asks from many threads
        self._found: dict[tuple[str, str], Price | None] = {}
        self._overrides: Mapping[tuple[str, str], ModelPrice] = {}
        self._lists: dict[str, PriceList] = {}
        if overrides:
            self.override(overrides)

    def override(self, file: PricingFile) -> None:
        """Take these prices before genai-prices' own, in place of those of an earlier call."""
        with self._lock:
            self._overrides = {(price.provider, price.model): price for price in file.models}
            self._found.clear()

    def warm_up(self) -> None:
        """Read the price data (about 0.3 s) before a request has to wait for it."""
        for provider in _PRICE_IDS:
            self.find(provider, "gpt-4o")

    def overrides(self, provider: str, model: str) -> bool:
        """Tell whether pricing.json names this model."""
        return (provider, model) in self._overrides

    def known(self, provider: str, model: str) -> bool:
        return self.find(provider, model) is not None

    def context_window(self, provider: str, model: str) -> int | None:
        """Return how many tokens the model's context holds, None if that is not known."""
        price = self.find(provider, model)
        return price.context_window if price else None

    def full_name(self, provider: str, model: str) -> str:
        """Return the model's name, with the date and version that Bedrock wants in `us.anthropic.claude-haiku-4-5`
        where only one form of the name has a price.
        """
        bare = model.rpartition("anthropic.")[2]
        if bare == model or self.known(provider, model) or provider not in self._lists:
            return model
        dated = re.compile(rf"anthropic\.{re.escape(bare)}(-\d{{8}}-v\d+(?::\d+)?)")
        forms = {match[1] for item in self._lists[provider].models if (match := dated.search(item.id))}
        return model + forms.pop() if len(forms) == 1 else model

    def find(self, provider: str, model: str) -> Price | None:
        key = (provider, model)
        found: Price | None = self._found.get(key, _NOT_YET)
        if found is _NOT_YET:
            with self._lock:
                if len(self._found) >= _REMEMBERED_MODELS:
                    self._found.clear()  # clients may send any number of names
                found = self._look_up(provider, model)
                if len(model) <= _LONGEST_MODEL_NAME:
                    self._found[key] = found
        return found

    def _look_up(self, provider: str, model: str) -> Price | None:
        if provider not in _PRICE_IDS:
            return None
        override = self._overrides.get((provider, model))
        if override and override.same_as:
            model = override.same_as
            override = self._overrides.get((provider, model))
        if override:
            return None if override.same_as else OwnPrice(model, override.rates())
        if len(model) > _LONGEST_MODEL_NAME:
            return None
        if model.startswith("arn:"):  # Bedrock's: …:inference-profile/us.anthropic.…, …::foundation-model/anthropic.…
            model = model.rpartition("/")[2]
        snapshot = get_snapshot()
        price_list = self._lists.get(provider)
        if price_list is None:
            price_list = self._lists[provider] = snapshot.find_provider(model, _PRICE_IDS[provider], None)
        found = price_list.find_model(model, all_providers=snapshot.providers)
        return GenaiPrice(model, found, price_list) if found and has_price_of_calls(found) else None

    def rates(self, provider: str, model: str, when: datetime) -> Rates | None:
        """Return the prices of short calls in the standard tier; None for a model without a price."""
        price = self.find(provider, model)
        return price.rates(NOTHING, when) if price else None

    def cost(self, provider: str, model: str, usage: Usage, when: datetime) -> int | None:
        """Return nano-USD, rounded once, half to even; None where the model, or a kind of its tokens, has no price."""
        nanos = self.exact_cost(provider, model, usage, when)
        for other, extra in usage.extra:
            more = self.exact_cost(provider, other or model, extra, when)
            nanos = None if nanos is None or more is None else nanos + more
        return None if nanos is None else round(nanos)

    def exact_cost(self, provider: str, model: str, usage: Usage, when: datetime) -> Decimal | None:
        """Return nano-USD, not rounded, and without the usage's `extra`; None as `cost` does."""
        price = self.find(provider, model)
        nanos = price.cost(usage, when) if price else None
        if price and nanos is not None and usage.residency and (more := uplift(provider, price.name, usage.residency)):
            tokens = price.cost(replace(usage, web_searches=0, file_searches=0), when)
            nanos = None if tokens is None else nanos + tokens * more
        return nanos

    def without_price(self, provider: str, model: str, usage: Usage, when: datetime) -> tuple[str, ...]:
        """Return which parts of the usage have no price of their own, although those parts always cost more.

        Images that are read cost what text costs where no other price is listed, and so do they where they are drawn
        by a model for images. Audio does not.
        """
        found: list[str] = []
        for name, part in usage.passes(model):
            price = self.find(provider, name) if part.has_parts else None
            rates = price.rates(part, when) if price else None
            if price and rates and isinstance(price, GenaiPrice):
                draws = "image" in price.name or "image_input_tokens" in rates.parts
                names = _AUDIO if draws else (*_AUDIO, "image_output_tokens")
                found += (name for name in names if getattr(part, name) and name not in rates.parts)
        return tuple(dict.fromkeys(found))


_AUDIO = ("audio_input_tokens", "audio_output_tokens", "cache_read_audio_tokens")
