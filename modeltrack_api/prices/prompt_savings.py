"""What could be saved on a prompt, by the prices of the models used: texts for people, with their amounts."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from modeltrack_api.amounts import WORTH_IT, about
from modeltrack_api.prices.rates import Rate, Rates

CACHE_MINUTES = 5
"""How long providers keep a prompt that nobody uses; each use begins it anew."""

_CHEAPER = 0.8
"""A cheaper model costs at most this part."""


class Suggestion(NamedTuple):
    text: str
    nanos: int


@dataclass(frozen=True, slots=True)
class Use:
    """Of one prompt with one model: the calls that cost something, and all of their tokens."""

    provider: str
    model: str
    cost_nanos: int
    calls: int
    days: int
    """On which there were any."""
    system_tokens: int
    """Of one call, on average."""
    input_tokens: int
    """Those in the next included."""
    cached_tokens: int
    output_tokens: int


def suggestions(use: Use, rates: Rates, others: Iterable[str]) -> Iterator[Suggestion]:
    """`others`: the provider's models that are in use here already, from which a cheaper one may be taken."""
    if use.cost_nanos < WORTH_IT or not use.calls:
        return
    rate = rates.of(use.provider, use.model)
    if rate is None:
        return
    for found in (_cached(use, rate), _cheaper(use, rate, rates, others)):
        if found and found.nanos >= WORTH_IT:
            yield found


def _cached(use: Use, rate: Rate) -> Suggestion | None:
    """What the provider's prompt cache would have saved on a system prompt that is not in it yet.

    A call finds the prompt there if another came in the minutes before. How many do is taken from the calls a day as
    if they came at random through day and night (Poisson): real calls come closer together, so it is not too much.
    """
    tokens = min(use.system_tokens, use.input_tokens // use.calls) - use.cached_tokens // use.calls
    if rate.cache_read is None or tokens < _least_cached(use.model):
        return None
    found = 1 - math.exp(-use.calls / use.days / (24 * 60 / CACHE_MINUTES))
    all_tokens = tokens * use.calls
    read = round(all_tokens * found)
    # Where nothing is charged for what goes into the cache, it has no price of its own.
    write = rate.input if rate.cache_write is None else rate.cache_write
    saved = (all_tokens * rate.input - read * rate.cache_read - (all_tokens - read) * write) // 1000
    return Suggestion(
        f"Let {use.provider} cache the system prompt (about {tokens} tokens, {use.calls} calls of {use.model}):"
        f" would have saved about {about(saved)}. {_how(use)}",
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


def _cheaper(use: Use, rate: Rate, rates: Rates, others: Iterable[str]) -> Suggestion | None:
    """The next cheaper model: a step down, not the cheapest there is, which may be no match for the work."""
    before = _cost(use, rate)
    costs = (
        (_cost(use, other), model)
        for model in others
        if model != use.model and (other := rates.of(use.provider, model)) is not None
    )
    cost, model = max(((cost, model) for cost, model in costs if cost <= before * _CHEAPER), default=(0, ""))
    if not model:
        return None
    saved = before - cost
    text = f"Try {model} in place of {use.model}: would have saved about {about(saved)} on {use.calls} calls."
    return Suggestion(text, saved)


def _cost(use: Use, rate: Rate) -> int:
    read = rate.input if rate.cache_read is None else rate.cache_read
    full_price = use.input_tokens - use.cached_tokens
    return (full_price * rate.input + use.cached_tokens * read + use.output_tokens * rate.output) // 1000
