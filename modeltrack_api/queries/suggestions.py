"""What could be saved on a prompt, by the prices of the models used: texts for people, with their amounts."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from addons.ledger.money import format_usd
from addons.llm.pricing import Prices
from addons.llm.providers import PROVIDERS
from addons.llm.usage import Usage

_PRICE_IDS = {provider.name: provider.price_id for provider in PROVIDERS}

CACHE_MINUTES = 5
"""How long providers keep a prompt that nobody uses; each use begins it anew."""

_WORTH_IT = 10_000_000
"""Nano-USD: what saves less than a cent is not worth reading."""

_CHEAPER = 0.8
"""A cheaper model costs at most this part."""


class Suggestion(NamedTuple):
    text: str
    nanos: int


@dataclass(frozen=True, slots=True)
class Use:
    """Of one prompt with one model: the calls that cost something, and the tokens of an average one."""

    provider: str
    model: str
    cost_nanos: int
    calls: int
    days: int
    """On which there were any."""
    system_tokens: int
    input_tokens: int
    """All of them, with those in the next."""
    cached_tokens: int
    output_tokens: int


def suggestions(use: Use, prices: Prices, others: Iterable[str], now: datetime) -> Iterator[Suggestion]:
    """`others`: the provider's models that are in use here already, from which a cheaper one may be taken."""
    if use.cost_nanos < _WORTH_IT or not use.calls or use.provider not in _PRICE_IDS:
        return
    whole = Usage(use.input_tokens - use.cached_tokens, use.output_tokens, cache_read_tokens=use.cached_tokens)
    price = _Priced(use, prices, now)
    before = price.of(whole)
    if before is None:
        return
    for found in (_cached(use, price, before, whole), _cheaper(use, price, before, whole, others)):
        if found and found.nanos >= _WORTH_IT:
            yield found


@dataclass(frozen=True, slots=True)
class _Priced:
    use: Use
    prices: Prices
    now: datetime

    def of(self, usage: Usage, model: str = "") -> int | None:
        """Nano-USD of a call at today's price. Of one call: what a model costs may depend on how long that is."""
        provider = self.use.provider
        return self.prices.cost(provider, _PRICE_IDS[provider], model or self.use.model, usage, self.now)


def _cached(use: Use, price: _Priced, before: int, whole: Usage) -> Suggestion | None:
    """What the provider's prompt cache would have saved on a system prompt that is not in it yet.

    A call finds the prompt there if another came in the minutes before. How many do is taken from the calls a day as
    if they came at random through day and night (Poisson): real calls come closer together, so it is not too much.
    """
    tokens = min(use.system_tokens - use.cached_tokens, whole.input_tokens)
    if tokens < _least_cached(use.model):
        return None
    found = 1 - math.exp(-use.calls / use.days / (24 * 60 / CACHE_MINUTES))
    read = round(tokens * found)
    rest = Usage(whole.input_tokens - tokens, use.output_tokens, whole.cache_read_tokens + read, tokens - read)
    after = price.of(rest)
    if after is None:
        # Where nothing is charged for what goes into the cache, it has no price of its own.
        after = price.of(Usage(rest.input_tokens + rest.cache_write_tokens, rest.output_tokens, rest.cache_read_tokens))
    if after is None:
        return None
    saved = (before - after) * use.calls
    return Suggestion(
        f"Let {use.provider} cache the system prompt (about {tokens} tokens, {use.calls} calls of {use.model}):"
        f" would have saved about {format_usd(saved)}. {_how(use)}",
        saved,
    )


def _least_cached(model: str) -> int:
    """Tokens below which a prompt is not cached: by Anthropic's documentation of prompt caching up to 4096, by model;
    by OpenAI's 1024. The larger where it is not sure."""
    return 4096 if "haiku" in model or "opus" in model else 2048 if "claude" in model else 1024


def _how(use: Use) -> str:
    if "claude" in use.model:
        return 'Mark its end with "cache_control": {"type": "ephemeral"}.'
    return "Keep what changes from call to call at the end, so that prompts begin alike."


def _cheaper(use: Use, price: _Priced, before: int, whole: Usage, others: Iterable[str]) -> Suggestion | None:
    """The next cheaper model: a step down, not the cheapest there is, which may be no match for the work."""
    costs = ((cost, model) for model in others if model != use.model and (cost := price.of(whole, model)) is not None)
    cost, model = max(((cost, model) for cost, model in costs if cost <= before * _CHEAPER), default=(0, ""))
    if not model:
        return None
    saved = (before - cost) * use.calls
    text = f"Try {model} in place of {use.model}: would have saved about {format_usd(saved)} on {use.calls} calls."
    return Suggestion(text, saved)
