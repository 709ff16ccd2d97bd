"""Suggests what would save money on a prompt, by the prices of the models used: texts for people, with amounts."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from addons.llm.prices.rates import Rates
from addons.llm.usage import Usage
from modeltrack_api.amounts import WORTH_IT, about
from modeltrack_api.prices.cheaper_models import CheaperModels

CACHE_MINUTES = 5
"""How long providers keep a prompt in their cache after its last use."""


class Suggestion(NamedTuple):
    text: str
    nanos: int
    """The money that the change would have saved, in nano-USD."""


@dataclass(frozen=True, slots=True)
class Use:
    """Sums up the calls of one prompt with one model: those that cost something, and all of their tokens."""

    provider: str
    model: str
    cost_nanos: int
    calls: int
    days: int
    """Days with at least one call."""
    system_tokens: int
    """The average of a call."""
    input_tokens: int
    """Includes `cached_tokens`."""
    cached_tokens: int
    """Read from the provider's cache or written to it."""
    output_tokens: int


def suggestions(use: Use, rates: Rates | None, cheaper: CheaperModels) -> Iterator[Suggestion]:
    """Yield what would have saved something; `rates` are those of the model, None if it has no price."""
    if use.cost_nanos < WORTH_IT or not use.calls or rates is None:
        return
    for found in (_cached(use, rates), _cheaper(use, cheaper)):
        if found and found.nanos >= WORTH_IT:
            yield found


def _cached(use: Use, rates: Rates) -> Suggestion | None:
    """Suggest the provider's prompt cache for a system prompt that is not in it yet.

    A call finds the prompt there if another one came in the minutes before. How many do is worked out from the calls a
    day, as if they came at random through day and night (Poisson). Real calls come closer together, so the cache saves
    at least this much.
    """
    tokens = min(use.system_tokens, use.input_tokens // use.calls) - use.cached_tokens // use.calls
    if tokens < _least_cached(use.model):
        return None
    found = 1 - math.exp(-use.calls / use.days / (24 * 60 / CACHE_MINUTES))
    all_tokens = tokens * use.calls
    read = round(all_tokens * found)
    cached = Usage(cache_read_tokens=read, cache_write_tokens=all_tokens - read)
    saved = int(rates.cost(Usage(all_tokens)) - rates.cost(cached))
    return Suggestion(
        f"Let {use.provider} cache the system prompt (about {tokens} tokens, {use.calls} calls of {use.model}):"
        f" would have saved about {about(saved)}. {_how(use)}",
        saved,
    )


def _least_cached(model: str) -> int:
    """Return the number of tokens below which a prompt is not cached: up to 4096 for a model of Anthropic's, and 1024
    for OpenAI's, by their documentation of prompt caching. Where that leaves it open, the larger number.
    """
    return 4096 if "haiku" in model or "opus" in model else 2048 if "claude" in model else 1024


def _how(use: Use) -> str:
    if "claude" in use.model:
        return 'Mark its end with "cache_control": {"type": "ephemeral"}.'
    return "Keep what changes from call to call at the end, so that prompts begin alike."


def _cheaper(use: Use, cheaper: CheaperModels) -> Suggestion | None:
    switch = cheaper.switch(use.provider, use.model, use.cost_nanos, (use.input_tokens, use.output_tokens))
    return Suggestion(switch.advice, switch.saved_nanos) if switch else None
