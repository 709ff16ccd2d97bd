"""The models that have a price, at each provider, and which of them could stand in for which.

Prices come from where calls are priced, `addons.llm.pricing`: genai-prices, or pricing.json where it names the model.
"""

import re
import threading
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple

from genai_prices.data_snapshot import get_snapshot

from addons.llm.pricing import ModelPrice, Prices, PricingFile
from modeltrack_api.prices.rates import PRICE_IDS, Rate, Rates


class Listed(NamedTuple):
    provider: str
    """As events spell it."""
    model: str
    rate: Rate
    context_window: int | None
    """Tokens. None: not known."""


class Catalogue:
    """Read anew when pricing.json changes, and every day, since prices have dates: some 0.1 s each time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made_of: tuple[PricingFile, date] | None = None
        self._models: dict[str, dict[str, Listed]] = {}

    def models(self, pricing: PricingFile, now: datetime) -> Mapping[str, Mapping[str, Listed]]:
        """By provider, then by name, sorted."""
        made_of = pricing, now.date()
        with self._lock:
            if made_of != self._made_of:
                prices = Prices(pricing)
                self._models = {name: dict(_listed(name, prices, pricing, now)) for name in PRICE_IDS}
                self._made_of = made_of
            return self._models


CATALOGUE = Catalogue()


def _listed(provider: str, prices: Prices, pricing: PricingFile, now: datetime) -> Iterator[tuple[str, Listed]]:
    rates = Rates(prices, now)
    for model in sorted({*_names(provider), *(entry.model for entry in pricing.models if entry.provider == provider)}):
        rate = rates.of(provider, model)
        if rate is not None and (rate.input or rate.output):
            yield model, Listed(provider, model, rate, _context_window(provider, prices, model))


def _names(provider: str) -> Iterator[str]:
    """Those that its own price list finds again; Bedrock's "regional." stands for us., eu. and the like, or none."""
    lists = {found.id: found for found in get_snapshot().providers}
    own = lists[PRICE_IDS[provider]]
    for source in (own, *(lists[name] for name in own.fallback_model_providers or ())):
        for model in source.models:
            yield model.id.removeprefix("regional.")


def _context_window(provider: str, prices: Prices, model: str) -> int | None:
    found = prices.find(provider, PRICE_IDS[provider], model)
    return None if found is None or isinstance(found, ModelPrice) else found.model.context_window


_NAME = re.compile(
    r"(?P<region>(?:regional|us|eu|apac|jp|au|ca|sa|us-gov)\.)?(?P<vendor>(?:[a-z]+\.)*)"
    r"(?P<bare>(?P<word>[a-z]+)[^0-9]*(?P<generation>\d+).*)",
    re.DOTALL,
)
_SPECIAL = {
    *("audio", "live", "realtime", "sonic", "speech", "transcribe", "translate", "tts", "whisper"),
    *("image", "vision", "vl", "embed", "embedding", "moderation", "safeguard", "search", "research", "rosalind"),
    *("chat", "codex", "computer", "cyber", "instruct", "turbo", "extended", "free", "ft", "oss"),
}
"""Words in the names of models that are for something else than their family's other ones."""

_LONGEST_NAME = 256

_CHEAPER = 0.9
"""A model is worth a change if it costs at most this part."""


class Family(NamedTuple):
    vendor: str
    """On Bedrock, such as "anthropic.", or "global.anthropic.": to leave a region is more than a change of models."""
    word: str
    """Such as "claude", "gpt"."""
    generation: str
    special: frozenset[str]


@lru_cache(maxsize=4096)
def family(model: str) -> Family | None:
    """What a name says. Models of one family are comparable: of one vendor, generation (the first number in the name)
    and kind. None for a name that says nothing.
    """
    found = _parts(model)
    if not found:
        return None
    special = frozenset(_SPECIAL & set(re.findall("[a-z]+", found["bare"])))
    return Family(found["vendor"], found["word"], found["generation"], special)


def _parts(model: str) -> re.Match[str] | None:
    return _NAME.fullmatch(model) if len(model) <= _LONGEST_NAME else None


def comparable(model: str, models: Mapping[str, Listed]) -> Iterator[Listed]:
    """Those of the same family among a provider's, itself included where it is listed; in the same region."""
    wanted, found = family(model), _parts(model)
    region = (found and found["region"]) or ""
    for other in models.values():
        if wanted is not None and family(other.model) == wanted:
            yield other._replace(model=region + other.model)


def cheapest(
    provider: str, model: str, tokens: tuple[int, int], rates: Rates, models: Mapping[str, Listed]
) -> tuple[Listed, float] | None:
    """The comparable model that charges least for these tokens (in, out), and which part of the cost it would be.

    None where no comparable one is clearly cheaper, or the model has no price. Both at the price of uncached tokens
    in short calls: what caches change about the one price is taken to change the other alike.
    """
    rate = rates.of(provider, model)
    before = price(rate, tokens) if rate else 0
    if not before:
        return None
    found = min(comparable(model, models), key=lambda other: (price(other.rate, tokens), other.model), default=None)
    if found is None:
        return None
    part = price(found.rate, tokens) / before
    return (found, part) if part <= _CHEAPER else None


def price(rate: Rate, tokens: tuple[int, int]) -> int:
    """A thousandth of a nano-USD is the unit."""
    return tokens[0] * rate.input + tokens[1] * rate.output
