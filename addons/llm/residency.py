"""List what providers add to a price where the data must stay in one place, which genai-prices does not know."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple


class Uplift(NamedTuple):
    provider: str
    residencies: frozenset[str]
    models: Callable[[str], bool]
    share: Decimal
    """What is added to the price of all tokens, as a share of it. Fees for searches stay as they are."""


_CLAUDE = re.compile(r"claude-(?:[a-z]+-(\d+)(?:[-.](\d{1,2}))?(?!\d)|(\d+)[-.](\d{1,2})-[a-z]+)")
_GPT = re.compile(r"gpt-(\d+)(?:\.(\d+))?")
_RELEASED = re.compile(r"-(20\d{2}-\d{2})-\d{2}\b")


def _from_claude_4_6(model: str) -> bool:
    match = _CLAUDE.search(model)
    if not match:
        return False
    major, minor = match[1] or match[3], match[2] or match[4]
    return (int(major), int(minor or 0)) >= (4, 6)


def _from_march_2026(model: str) -> bool:
    """Tell by its name whether OpenAI released the model in March 2026 or later; gpt-5.4 (2026-03-05) was first."""
    if released := _RELEASED.search(model):
        return released[1] >= "2026-03"
    if model.startswith("gpt-image-2"):  # gpt-image-2-2026-04-21 is the first
        return True
    match = _GPT.match(model)
    return match is not None and (int(match[1]), int(match[2] or 0)) >= (5, 4)


OPENAI_REGIONS = frozenset({"us", "eu", "ae", "au", "in", "jp"})
"""Regions that have a host of their own: `{region}.api.openai.com`. Source: openai's SDK 3.54, `data_residency`."""

UPLIFTS = (
    # "US-only inference … 1.1x multiplier on all token pricing categories", for Claude Opus 4.6 and newer:
    # https://platform.claude.com/docs/en/about-claude/pricing#data-residency-pricing (2026-11-27).
    Uplift("anthropic", frozenset({"us"}), _from_claude_4_6, Decimal("0.1")),
    # "Regional processing (data residency) endpoints are charged a 10% uplift" for models released on or after
    # March 5, 2026: https://platform.openai.com/docs/pricing (2026-11-27).
    Uplift("openai", OPENAI_REGIONS, _from_march_2026, Decimal("0.1")),
)


def uplift(provider: str, model: str, residency: str) -> Decimal:
    """Return what the residency adds to the price of a model's tokens, as a share of it; 0 where it adds nothing."""
    return sum(
        (
            one.share
            for one in UPLIFTS
            if one.provider == provider and residency in one.residencies and one.models(model)
        ),
        Decimal(0),
    )


_ANYWHERE = frozenset({"", "global", "not_available"})
"""What Anthropic's `inference_geo` says where it is the place that costs nothing more, or where there is no choice.
Source: https://platform.claude.com/docs/en/manage-claude/data-residency (2026-11-27)."""


def is_known(place: str) -> bool:
    """Tell whether it is known what Anthropic adds to its prices for an answer from this place, if anything."""
    return place in _ANYWHERE or any(one.provider == "anthropic" and place in one.residencies for one in UPLIFTS)


def of_host(host: str) -> str:
    """Return the region of one of OpenAI's regional hosts, "" for any other host."""
    region, _, rest = host.partition(".")
    return region if rest == "api.openai.com" and region in OPENAI_REGIONS else ""
