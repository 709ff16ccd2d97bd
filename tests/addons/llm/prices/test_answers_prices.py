"""Test that what an answer says about its price is in its cost, wherever and however it says so.

The shapes are from public reports of gateways that billed them wrong, the figures are made up.
"""

import base64
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest

from addons.ledger.money import NANOS_PER_USD
from addons.llm.parsing.sse import Event
from addons.llm.prices.genai_price import GenaiPrice
from addons.llm.prices.pricing import Prices
from addons.llm.prices.pricing_file import PricingFile
from addons.llm.providers.anthropic import MESSAGES
from addons.llm.providers.base import WireFormat
from addons.llm.providers.bedrock_runtime import CONVERSE, CONVERSE_STREAM, INVOKE_STREAM
from addons.llm.providers.openai import CHAT_COMPLETIONS
from addons.llm.providers.responses import RESPONSES
from addons.llm.usage import PARTS, Estimate, Usage

PRICES = Prices()
WHEN = datetime(2026, 11, 27, tzinfo=UTC)
GUESS = Estimate(7, 7)
SONNET = "us.anthropic.claude-sonnet-4-6"


def usd(provider: str, model: str, usage: Usage) -> str | None:
    nanos = PRICES.cost(provider, model, usage, WHEN)
    return None if nanos is None else f"{Decimal(nanos) / NANOS_PER_USD:f}"


def streamed(wire: WireFormat, *events: Event) -> Usage:
    meter = wire.meter(False)
    for event in events:
        meter.read(event)
    usage = meter.usage(GUESS)
    assert not usage.estimated
    return usage


def event(name: str, content: dict[str, Any]) -> Event:
    return Event(name, orjson.dumps(content), b"")


def frame(content: dict[str, Any]) -> Event:
    return Event("chunk", orjson.dumps({"bytes": base64.b64encode(orjson.dumps(content)).decode()}), b"")


CONVERSED = {
    "usage": {
        **{"inputTokens": 40, "outputTokens": 10, "totalTokens": 4050},
        **{"cacheReadInputTokens": 0, "cacheWriteInputTokens": 4000},
        "cacheDetails": [{"ttl": "1h", "inputTokens": 3000}, {"ttl": "5m", "inputTokens": 1000}],
    }
}
SPOKEN = {
    "model": "gpt-audio",
    "usage": {
        **{"prompt_tokens": 1100, "completion_tokens": 600, "total_tokens": 1700},
        "prompt_tokens_details": {"cached_tokens": 0, "text_tokens": 100, "audio_tokens": 1000, "image_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "text_tokens": 100, "audio_tokens": 500},
    },
}
IMAGE = {
    "input_tokens": 50,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 50},
    "output_tokens": 4160,
    "output_tokens_details": {"image_tokens": 4160, "text_tokens": 0},
    "total_tokens": 4210,
}
NO_IMAGE = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
DRAWN = {
    "model": "gpt-5",
    "tools": [{"type": "image_generation", "model": "gpt-image-1"}],
    "output": [{"type": "image_generation_call", "status": "completed"}],
    "usage": {"input_tokens": 1000, "output_tokens": 200, "total_tokens": 1200},
    "tool_usage": {"image_gen": IMAGE, "web_search": {"num_requests": 0}},
}


@pytest.mark.parametrize("wire", [CONVERSE, CONVERSE_STREAM])
def test_converse_tells_one_hour_writes_apart(wire: WireFormat) -> None:
    usage = wire.usage(CONVERSED, GUESS) if wire is CONVERSE else streamed(wire, event("metadata", CONVERSED))
    assert usd("bedrock", "global.anthropic.claude-sonnet-4-6", usage) == "0.02202"
    assert usd("bedrock", SONNET, usage) == "0.024222"


@pytest.mark.parametrize("is_streamed", [False, True])
def test_audio_has_a_price_of_its_own_in_chat(is_streamed: bool) -> None:
    chunk = event("", {**SPOKEN, "choices": []})
    usage = streamed(CHAT_COMPLETIONS, chunk) if is_streamed else CHAT_COMPLETIONS.usage(SPOKEN, GUESS)
    assert usd("openai", "gpt-audio", usage) == "0.06525"
    assert (usage.audio_input_tokens, usage.audio_output_tokens) == (1000, 500)


@pytest.mark.parametrize("is_streamed", [False, True])
def test_an_image_that_a_tool_draws_is_billed_by_the_tools_model(is_streamed: bool) -> None:
    end = event("response.completed", {"type": "response.completed", "response": DRAWN})
    usage = streamed(RESPONSES, end) if is_streamed else RESPONSES.usage(DRAWN, GUESS)
    assert usd("openai", "gpt-5", usage) == "0.1699"
    assert usage.with_extra().image_output_tokens == 4160


@pytest.mark.parametrize("last", ["message_delta", "message_stop", "metrics", "between"])
def test_an_invoke_stream_may_report_the_caches_tokens_anywhere(last: str) -> None:
    cached = {"cache_read_input_tokens": 9000, "cache_creation_input_tokens": 1000}
    metrics = {"inputTokenCount": 100, "outputTokenCount": 20, "invocationLatency": 900, "firstByteLatency": 90}
    if last == "metrics":
        metrics |= {"cacheReadInputTokenCount": 9000, "cacheWriteInputTokenCount": 1000}
    usage = streamed(
        INVOKE_STREAM,
        frame({"type": "message_start", "message": {"usage": {"input_tokens": 100, "output_tokens": 1}}}),
        frame({"type": "message_delta", "usage": {"output_tokens": 20, **(cached if last == "message_delta" else {})}}),
        frame({"type": "message_stop", "usage": cached if last == "message_stop" else {}}),
        *([frame({"type": "message_delta", "usage": cached})] if last == "between" else []),
        frame({"amazon-bedrock-invocationMetrics": metrics}),
    )
    assert usd("bedrock", "global.anthropic.claude-sonnet-4-6", usage) == "0.00705"
    assert usage.unpriced == ()


def test_counts_of_a_stream_never_fall() -> None:
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 900, "output_tokens": 3}}}
    end = {"type": "message_delta", "usage": {"input_tokens": 0, "output_tokens": 5, "cache_read_input_tokens": 0}}
    usage = streamed(MESSAGES, event("message_start", start), event("message_delta", end))
    assert (usage.input_tokens, usage.output_tokens) == (900, 5)


@pytest.mark.parametrize(
    ("model", "note", "searches"),
    [
        ("gpt-5-search-api", {"type": "url_citation"}, 1),
        ("gpt-4o-search-preview-2025-03-11", {"type": "url_citation"}, 1),
        ("gpt-5-search-api", {"type": "file_citation"}, 0),
        ("gpt-5", {"type": "url_citation"}, 0),
    ],
)
def test_a_search_model_searched_where_it_cites_a_page(model: str, note: dict[str, str], searches: int) -> None:
    reported = {"prompt_tokens": 1, "completion_tokens": 1}
    whole = {"model": model, "usage": reported, "choices": [{"message": {"content": "…", "annotations": [note]}}]}
    chunk = event("", {"model": model, "choices": [{"delta": {"annotations": [note]}}]})
    usages = (
        CHAT_COMPLETIONS.usage(whole, GUESS),
        streamed(CHAT_COMPLETIONS, chunk, event("", {"choices": [], "usage": reported})),
    )
    assert [usage.web_searches for usage in usages] == [searches, searches]


SEARCH, OPENED = {"type": "web_search_call"}, {"type": "web_search_call", "action": {"type": "open_page"}}
FILE, CODE, DRAWING = ({"type": f"{kind}_call"} for kind in ("file_search", "code_interpreter", "image_generation"))


@pytest.mark.parametrize(
    ("answer", "searches", "unpriced"),
    [
        ({"output": [SEARCH, OPENED, SEARCH]}, (2, 0), ()),
        ({"output": [SEARCH, SEARCH], "tool_usage": {"web_search": {"num_requests": 1}}}, (1, 0), ()),
        ({"output": [], "tool_usage": {"image_gen": NO_IMAGE, "web_search": {"num_requests": 3}}}, (3, 0), ()),
        ({"output": [FILE, FILE]}, (0, 2), ()),
        ({"output": [CODE]}, (0, 0), ("output[].code_interpreter_call",)),
        ({"output": [DRAWING]}, (0, 0), ("output[].image_generation_call",)),
        ({"output": [], "tool_usage": {"new_tool": {"calls": 2}}}, (0, 0), ("tool_usage.new_tool.calls",)),
        ({"output": [{"type": "function_call"}, {"type": "message"}]}, (0, 0), ()),
        ({"output": "none", "tool_usage": []}, (0, 0), ()),
    ],
)
def test_tools_that_the_provider_runs_are_billed_or_named(
    answer: dict[str, Any], searches: tuple[int, int], unpriced: tuple[str, ...]
) -> None:
    usage = RESPONSES.usage({"usage": {"input_tokens": 1, "output_tokens": 1}, **answer}, GUESS)
    assert ((usage.web_searches, usage.file_searches), usage.unpriced) == (searches, unpriced)


def test_a_file_search_costs_its_fee() -> None:
    assert usd("openai", "gpt-5", Usage(file_searches=2)) == "0.005"
    assert usd("openai", "gpt-audio", Usage(file_searches=2)) == "0.005"


@pytest.mark.parametrize(
    ("provider", "model", "residency", "cost"),
    [
        ("anthropic", "claude-sonnet-4-6", "", "0.013"),
        ("anthropic", "claude-sonnet-4-6", "us", "0.0133"),
        ("anthropic", "claude-sonnet-4-6", "global", "0.013"),
        ("anthropic", "claude-sonnet-4-6", "not_available", "0.013"),
        ("anthropic", "claude-sonnet-4-5-20250929", "us", "0.013"),
        ("anthropic", "claude-opus-4-6", "us", "0.0155"),
        ("anthropic", "claude-opus-5", "us", "0.0155"),
        ("openai", "gpt-4o", "eu", "0.0125"),
        ("openai", "gpt-5.4", "eu", "0.01275"),
        ("openai", "gpt-5.4", "", "0.0125"),
        ("openai", "gpt-5.4", "mars", "0.0125"),
    ],
)
def test_residency_raises_the_price_of_tokens_and_not_of_searches(
    provider: str, model: str, residency: str, cost: str
) -> None:
    assert usd(provider, model, Usage(1000, web_searches=1, residency=residency)) == cost


def test_anthropic_says_where_it_worked() -> None:
    usage = MESSAGES.usage({"usage": {"input_tokens": 1000, "output_tokens": 0, "inference_geo": "us"}}, GUESS)
    assert usd("anthropic", "claude-sonnet-4-6", usage) == "0.0033"


def test_a_place_holds_for_all_passes_of_an_answer() -> None:
    passes = [
        {"type": "message", "input_tokens": 1000, "output_tokens": 0},
        {"type": "compaction", "input_tokens": 500},
    ]
    reported = {"input_tokens": 1000, "output_tokens": 0, "inference_geo": "us", "iterations": passes}
    assert usd("anthropic", "claude-sonnet-4-6", MESSAGES.usage({"usage": reported}, GUESS)) == "0.00495"


@pytest.mark.parametrize(
    "model", ["gpt-audio", "gpt-realtime", "gpt-image-1", "gpt-image-1.5", "gpt-4o", "gpt-4o-transcribe"]
)
def test_parts_cost_what_genai_prices_says(model: str) -> None:
    price = PRICES.find("openai", model)
    assert isinstance(price, GenaiPrice)
    listed = price.rates(Usage(), WHEN)
    assert listed
    parts: dict[str, Any] = {
        name: 3 + 2 * i for i, name in enumerate(PARTS) if name in listed.parts or "read" not in name
    }
    usage = Usage(input_tokens=500, output_tokens=400, cache_read_tokens=300, **parts)
    assert price.cost(usage, WHEN) == price.calculated(usage, WHEN)


def test_audio_without_a_price_of_its_own_is_named() -> None:
    heard = Usage(100, 100, audio_input_tokens=50, audio_output_tokens=20)
    assert PRICES.without_price("openai", "gpt-4o", heard, WHEN) == ("audio_input_tokens", "audio_output_tokens")
    assert PRICES.without_price("openai", "gpt-audio", heard, WHEN) == ()
    assert PRICES.without_price("openai", "gpt-4o", Usage(100, image_input_tokens=50), WHEN) == ()


def test_own_prices_may_name_audio_and_images() -> None:
    entry = {"provider": "openai", "model": "mine", "input": 1, "output": 2, "audio_input": 10, "image_output": 20}
    prices = Prices(PricingFile.model_validate({"models": [entry]}))
    usage = Usage(1000, 1000, audio_input_tokens=100, audio_output_tokens=100, image_output_tokens=100, file_searches=2)
    # 900 at 1, 100 at 10, 900 at 2, 100 at 20 USD per million, and two searches at 2.5 per thousand
    assert prices.cost("openai", "mine", usage, WHEN) == 900_000 + 1_000_000 + 1_800_000 + 2_000_000 + 5_000_000
