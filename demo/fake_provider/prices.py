"""Hold the fake provider's own price list, and work out what a call costs by it.

The figures are written out here, and the arithmetic is done here, so that they can contradict those of ModelTrack: this
module must not use `addons` or genai-prices. All figures were read on 2026-11-27 in genai-prices 0.2.3, which has them
from the providers' pages that are named beside them.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

_US_RESIDENCY = Decimal("1.1")
_WITH_RESIDENCY = frozenset({"claude-sonnet-4-6", "claude-opus-4-6", "claude-opus-4-8"})
"""The models whose token prices have this factor where Anthropic runs a call in the US only: those from Claude 4.6 on.

Source: https://platform.claude.com/docs/en/about-claude/pricing#data-residency-pricing.
"""
_SEARCH = Decimal("10")
"""USD per thousand web searches: https://platform.openai.com/docs/pricing, https://claude.com/pricing#api."""
_DRAWS_WITH = "gpt-image-1"
"""The model that the Responses API draws with."""


class Price(NamedTuple):
    """Hold USD per million tokens, as texts; "" where a kind of token has no price of its own."""

    input: str
    output: str
    cache_read: str = ""
    write_5m: str = ""
    write_1h: str = ""
    audio_input: str = ""
    audio_output: str = ""
    image_input: str = ""


@dataclass(frozen=True, slots=True)
class Used:
    """Count what a call used. No token is counted twice."""

    text_input: int = 0
    audio_input: int = 0
    image_input: int = 0
    cache_read: int = 0
    write_5m: int = 0
    write_1h: int = 0
    text_output: int = 0
    """The output that is no audio, hidden reasoning included."""
    audio_output: int = 0
    searches: int = 0
    drawing_input: int = 0
    """The text that the image tool was told to draw."""
    drawn: int = 0
    """The image tokens that the tool drew."""
    tier: str = ""
    """The service tier or the speed, where it changes the price."""
    residency: str = ""


_SONNET = Price("3", "15", "0.30", "3.75", "6")
_PRICES: dict[str, Price] = {
    # https://claude.com/pricing#api
    "claude-haiku-4-5": Price("1", "5", "0.10", "1.25", "2"),
    "claude-sonnet-4-5": _SONNET,
    "claude-sonnet-4-6": _SONNET,
    "claude-opus-4-6": Price("5", "25", "0.50", "6.25", "10"),
    "claude-opus-4-8": Price("5", "25", "0.50", "6.25", "10"),
    # https://aws.amazon.com/bedrock/pricing: what runs in one region costs a tenth more than what runs anywhere.
    "anthropic.claude-sonnet-4-6": Price("3.30", "16.50", "0.33", "4.125", "6.60"),
    "us.anthropic.claude-sonnet-4-6": Price("3.30", "16.50", "0.33", "4.125", "6.60"),
    "global.anthropic.claude-sonnet-4-6": _SONNET,
    "us.anthropic.claude-haiku-4-5-20251001-v1:0": Price("1.10", "5.50", "0.11", "1.375", "2.20"),
    "global.anthropic.claude-haiku-4-5-20251001-v1:0": Price("1", "5", "0.10", "1.25", "2"),
    "us.anthropic.claude-opus-4-6-v1": Price("5.50", "27.50", "0.55", "6.875", "11"),
    "us.meta.llama3-3-70b-instruct-v1:0": Price("0.72", "0.72"),
    # https://platform.openai.com/docs/pricing
    "gpt-3.5-turbo-instruct": Price("1.50", "2"),
    "gpt-4o": Price("2.50", "10", "1.25"),
    "gpt-4o-mini": Price("0.15", "0.60", "0.075"),
    "gpt-4.1": Price("2", "8", "0.50"),
    "gpt-5": Price("1.25", "10", "0.125"),
    "gpt-5-search-api": Price("1.25", "10", "0.125"),
    "gpt-audio": Price("2.50", "10", audio_input="32", audio_output="64"),
    "gpt-image-1": Price("5", "40", "1.25", image_input="10"),
    "o3": Price("2", "8", "0.50"),
    "text-embedding-3-small": Price("0.02", "0"),
}
_OTHER_NAMES = {
    "claude-sonnet-4-6-20260218": "claude-sonnet-4-6",
    "gpt-4o-2024-08-06": "gpt-4o",
    "gpt-4o-mini-2024-07-18": "gpt-4o-mini",
    "gpt-5-2025-08-07": "gpt-5",
    "prod-chat": "gpt-4o",  # deployments at Azure: each has the name that its owner gave it
    "prod-mini": "gpt-4o-mini",
}
_TIERS: dict[tuple[str, str], Price] = {
    # https://platform.openai.com/docs/pricing, "Priority" and "Flex"
    ("gpt-4o", "priority"): Price("4.25", "17", "2.125"),
    ("gpt-4o-mini", "priority"): Price("0.25", "1", "0.125"),
    ("gpt-5", "priority"): Price("2.50", "20", "0.25"),
    ("gpt-5", "flex"): Price("0.625", "5", "0.0625"),
    ("o3", "priority"): Price("3.50", "14", "0.875"),
    ("o3", "flex"): Price("1", "4", "0.25"),
    # https://platform.claude.com/docs/en/about-claude/pricing#fast-mode-pricing
    ("claude-opus-4-8", "fast"): Price("10", "50", "1", "12.50", "20"),
}
_LONG_INPUT = 200_000
_LONG: dict[str, Price] = {
    # https://platform.claude.com/docs/en/about-claude/pricing#long-context-pricing
    "claude-sonnet-4-5": Price("6", "22.50", "0.60", "7.50", "12"),
}


def listed(*names: str) -> str:
    """Return the first of these names that has a price, as the list has it; "" where none has one."""
    return next((model for name in names if (model := _OTHER_NAMES.get(name, name)) in _PRICES), "")


def charge(model: str, used: Used) -> int | None:
    """Return what a call costs in nano-USD, None for a model that is not in the list."""
    name = listed(model)
    if not name:
        return None
    price = _TIERS.get((name, used.tier), _PRICES[name])
    inputs = used.text_input + used.audio_input + used.image_input
    if name in _LONG and inputs + used.cache_read + used.write_5m + used.write_1h > _LONG_INPUT:
        price = _LONG[name]
    items = [
        (used.text_input, price.input),
        (used.audio_input, price.audio_input or price.input),
        (used.image_input, price.image_input or price.input),
        (used.cache_read, price.cache_read or price.input),
        (used.write_5m, price.write_5m or price.input),
        (used.write_1h, price.write_1h or price.input),
        (used.text_output, price.output),
        (used.audio_output, price.audio_output or price.output),
    ]
    tokens = sum((count * Decimal(per_million) for count, per_million in items), Decimal(0))
    if used.residency == "us" and name in _WITH_RESIDENCY:
        tokens *= _US_RESIDENCY
    tool = _PRICES[_DRAWS_WITH]
    tokens += used.drawing_input * Decimal(tool.input) + used.drawn * Decimal(tool.output)
    # A USD per million tokens is a thousand nano-USD a token, a USD per thousand searches a million a search.
    return round(tokens * 1000 + used.searches * _SEARCH * 1_000_000)
