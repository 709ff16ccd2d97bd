"""Test that parts of a usage are billed or named wherever they stand: in the cache, in a pass, in a tool's usage."""

from datetime import UTC, datetime
from typing import Any

import pytest

from addons.llm.prices.pricing import Prices
from addons.llm.prices.pricing_file import PricingFile
from addons.llm.providers.anthropic import MESSAGES
from addons.llm.providers.bedrock_runtime import CONVERSE
from addons.llm.providers.openai import CHAT_COMPLETIONS
from addons.llm.providers.responses import RESPONSES
from addons.llm.usage import Estimate, Usage

WHEN = datetime(2026, 11, 27, tzinfo=UTC)
PRICES = Prices()
GUESS = Estimate(7, 7)


def chat(inputs: int, **details: Any) -> Usage:
    reported = {"prompt_tokens": inputs, "completion_tokens": 0, "prompt_tokens_details": details}
    return CHAT_COMPLETIONS.usage({"usage": reported}, GUESS)


TOLD = {"audio_tokens": 400, "text_tokens": 400}


@pytest.mark.parametrize(
    ("details", "full", "cached"),
    [
        ({"audio_tokens": 500}, 500, 0),
        ({"audio_tokens": 500, "cached_tokens": 300}, 500, 0),  # what is cached is text, as far as there is text
        ({"audio_tokens": 500, "cached_tokens": 800}, 200, 300),
        ({"audio_tokens": 500, "cached_tokens": 800, "cached_tokens_details": TOLD}, 100, 400),
        ({"audio_tokens": 5000, "cached_tokens": 800}, 200, 800),
        ({"cached_tokens": 800, "cached_tokens_details": TOLD}, 0, 0),
    ],
)
def test_audio_is_in_the_cached_input_where_it_does_not_fit_elsewhere(
    details: dict[str, Any], full: int, cached: int
) -> None:
    usage = chat(1000, **details)
    assert (usage.audio_input_tokens, usage.cache_read_audio_tokens) == (full, cached)
    assert usage.total_input_tokens == 1000 and not usage.unpriced


@pytest.mark.parametrize(
    ("model", "nanos"),
    [
        ("gpt-audio", 500 * 32_000 + 500 * 2_500),  # no price for the cache: 32 for audio, 2.5 for text
        ("gpt-realtime", 100 * 32_000 + 400 * 400 + 100 * 4_000 + 400 * 400),  # 0.4 for all that is cached
    ],
)
def test_cached_audio_is_cheaper_only_where_the_model_has_a_price_for_the_cache(model: str, nanos: int) -> None:
    usage = chat(1000, audio_tokens=500, cached_tokens=800, cached_tokens_details=TOLD)
    assert PRICES.cost("openai", model, usage, WHEN) == nanos


@pytest.mark.parametrize("cache_read", [None, 1])
def test_own_prices_hold_for_cached_audio_as_the_lists_do(cache_read: int | None) -> None:
    entry = {"provider": "openai", "model": "mine", "input": 2, "output": 2, "audio_input": 10}
    prices = Prices(PricingFile.model_validate({"models": [entry | ({"cache_read": 1} if cache_read else {})]}))
    usage = Usage(0, 0, 1000, cache_read_audio_tokens=1000)
    assert prices.cost("openai", "mine", usage, WHEN) == 1000 * (cache_read or 10) * 1000


@pytest.mark.parametrize("tier", ["flex", "batch", "priority"])
def test_images_have_a_price_in_each_tier(tier: str) -> None:
    usage = Usage(100, 1000, image_input_tokens=50, image_output_tokens=1000, service_tier=tier)
    assert PRICES.cost("openai", "gpt-image-1", usage, WHEN) is not None


def test_the_output_of_the_image_tool_is_an_image_where_nothing_says_what_it_is() -> None:
    answer = {
        "usage": {"input_tokens": 0, "output_tokens": 0},
        "tools": [{"type": "image_generation", "model": "gpt-image-1.5"}],
        "tool_usage": {"image_gen": {"input_tokens": 0, "output_tokens": 1000, "total_tokens": 1000}},
    }
    usage = RESPONSES.usage(answer, GUESS)
    assert PRICES.cost("openai", "gpt-5", usage, WHEN) == 1000 * 32_000  # 32 USD for images, 10 for text


@pytest.mark.parametrize(
    ("details", "written", "for_an_hour"),
    [
        ([{"ttl": "1h", "inputTokens": 3}, {"ttl": "5m", "inputTokens": 4}], 7, 3),
        ([{"ttl": "5m", "inputTokens": 4}], 4, 0),
        ([{"ttl": "1h"}, {}, 7], 0, 0),
        ("odd", 0, 0),
    ],
)
def test_writes_that_converse_tells_only_apart_are_all_counted(details: Any, written: int, for_an_hour: int) -> None:
    usage = CONVERSE.usage({"usage": {"inputTokens": 1, "outputTokens": 1, "cacheDetails": details}}, GUESS)
    assert (usage.cache_write_tokens, usage.cache_write_1h_tokens) == (written, for_an_hour)


@pytest.mark.parametrize("kind", ["message", "compaction", "advisor_message"])
def test_a_number_in_a_pass_that_nobody_knows_is_named(kind: str) -> None:
    counts = {"input_tokens": 1, "output_tokens": 1}
    passes = [{"type": "message", **counts}, {"type": kind, **counts, "new_tokens": 3}]
    usage = MESSAGES.usage({"usage": {**counts, "iterations": passes}}, GUESS)
    assert usage.with_extra().unpriced == ("iterations[].new_tokens",)


@pytest.mark.parametrize(
    ("place", "unpriced"), [("us", ()), ("global", ()), ("not_available", ()), (None, ()), ("eu", ("inference_geo",))]
)
def test_a_place_whose_price_nobody_knows_is_named(place: str | None, unpriced: tuple[str, ...]) -> None:
    usage = MESSAGES.usage({"usage": {"input_tokens": 1, "output_tokens": 1, "inference_geo": place}}, GUESS)
    assert usage.unpriced == unpriced


DRAWN = Usage(0, 100, image_output_tokens=100)
HEARD = Usage(100, 0, audio_input_tokens=100)


@pytest.mark.parametrize(
    ("model", "usage", "named"),
    [
        ("gpt-5", DRAWN, ("image_output_tokens",)),
        ("gpt-image-1", DRAWN, ()),  # its output's price is one for images
        ("gpt-image-1.5", DRAWN, ()),
        ("gpt-5", Usage(extra=(("gpt-image-1", DRAWN),)), ()),
        ("gpt-audio", Usage(extra=(("gpt-4o", HEARD),)), ("audio_input_tokens",)),
        ("gpt-audio", Usage(0, 0, 9, cache_read_audio_tokens=9), ()),
        ("none", DRAWN, ()),  # all of its cost is unknown
    ],
)
def test_parts_billed_as_text_for_want_of_a_price_are_named(model: str, usage: Usage, named: tuple[str, ...]) -> None:
    assert PRICES.without_price("openai", model, usage, WHEN) == named


def test_a_deployments_name_has_the_residency_of_its_model() -> None:
    alias = {"provider": "openai", "model": "mine", "same_as": "gpt-5.4"}
    prices = Prices(PricingFile.model_validate({"models": [alias]}))
    usage = Usage(1000, residency="eu")
    assert prices.cost("openai", "mine", usage, WHEN) == PRICES.cost("openai", "gpt-5.4", usage, WHEN)
