"""Check what the name of a model tells about its purpose."""

from datetime import UTC, datetime

import pytest
from genai_prices.types import ModelInfo

from addons.llm.prices.genai_price import GenaiPrice
from addons.llm.prices.pricing import Prices
from addons.llm.prices.pricing_file import PricingFile
from modeltrack_api.prices.catalogue import CATALOGUE
from modeltrack_api.prices.families import family

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("model", "other", "expected"),
    [
        ("claude-sonnet-4-6", "claude-haiku-4-5", True),
        ("claude-opus-4-5-20251101", "claude-haiku-4-5-20251001", True),
        ("claude-sonnet-4-6", "claude-3-haiku", False),
        ("gpt-4o", "gpt-4o-mini", True),
        ("gpt-4o", "gpt-4.1-nano", True),
        ("gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18", True),
        ("gpt-4o", "gpt-5-nano", False),
        ("gpt-4o", "gpt-4o-mini-transcribe", False),
        ("gpt-4o-audio-preview", "gpt-4o-mini-audio-preview", True),
        ("o3", "o3-mini", True),
        ("o3", "gpt-3.5-turbo", False),
        ("us.anthropic.claude-sonnet-4-6", "anthropic.claude-haiku-4-5-20251001-v1:0", True),
        ("us.anthropic.claude-sonnet-4-6", "global.anthropic.claude-haiku-4-5-20251001-v1:0", False),
        ("us.anthropic.claude-sonnet-4-6", "amazon.nova-micro-v1:0", False),
        ("amazon.titan-text-express-v1", "amazon.titan-embed-text-v1", False),
        ("qwen.qwen3-coder-480b-a35b-v1:0", "qwen.qwen3-32b-v1:0", False),
        ("gpt-5-chat-latest", "gpt-5-nano", False),
        ("grok-3", "grok-3-mini", False),
        ("kimi-k2", "kimi-k2-thinking", False),
    ],
)
def test_comparable_are_models_of_one_vendor_generation_and_kind(model: str, other: str, expected: bool) -> None:
    assert (family(model) == family(other)) is expected


@pytest.mark.parametrize(
    ("model", "purposes"),
    [
        ("gpt-4o", set()),
        ("claude-haiku-4-5", set()),
        ("amazon.nova-micro-v1:0", set()),
        ("text-embedding-3-small", {"embedding"}),
        ("amazon.titan-embed-text-v2:0", {"embedding"}),
        ("cohere.rerank-v3-5:0", {"embedding"}),
        ("omni-moderation-2024-09-26", {"moderation"}),
        ("gpt-4o-mini-transcribe", {"transcribe"}),
        ("amazon.nova-2-sonic-v1:0", {"sonic"}),
        ("whisper-1", {"whisper"}),
        ("gpt-image-1-mini", {"image"}),
        ("qwen.qwen3-vl-235b-a22b-v1:0", {"vl"}),
        ("gpt-5.3-codex", {"code"}),
        ("qwen.qwen3-coder-30b-a3b-v1:0", {"code"}),
        ("o3-deep-research", {"research"}),
    ],
)
def test_words_in_a_name_tell_the_purpose(model: str, purposes: set[str]) -> None:
    found = family(model)
    assert found
    assert found.purposes == purposes


@pytest.mark.parametrize(
    ("model", "title", "reasons"),
    [
        *((name, "", True) for name in ("o1", "o3-mini", "o4-mini-2025-04-16", "gpt-5", "gpt-5.2-pro", "gpt-6-sol")),
        *((name, "", True) for name in ("gpt-oss-20b", "grok-3-mini", "grok-4-0709", "grok-4-fast-reasoning")),
        *((name, "", True) for name in ("deepseek.r1-v1:0", "us.deepseek.r1-v1:0", "kimi-k2-thinking", "kimi-k3")),
        *((name, "", True) for name in ("phi-4-reasoning-plus", "mistral.magistral-small-2509", "qwen3-think")),
        *((name, "", False) for name in ("gpt-4o", "gpt-4.1-nano", "gpt-3.5-turbo", "claude-opus-4-8", "phi-4")),
        *((name, "", False) for name in ("gpt-5-chat-latest", "gpt-5.3-chat", "grok-3", "grok-4-fast-non-reasoning")),
        *((name, "", False) for name in ("kimi-k2", "deepseek-v3.2", "us.amazon.nova-pro-v1:0", "gpt-4o-realtime")),
        ("gpt-5.3", "GPT-5.3 Chat", False),
        ("mine-2", "Deepseek R1", True),
    ],
)
def test_a_name_tells_whether_the_model_always_reasons(model: str, title: str, reasons: bool) -> None:
    found = family(model, title)
    assert found
    assert found.reasons is reasons


@pytest.mark.parametrize("model", ["", "mine", "3", "\n", "é-1", "." * 300, "a." * 5000])
def test_a_name_that_says_nothing_has_no_family(model: str) -> None:
    assert family(model) is None


@pytest.mark.parametrize("model", ["ft:gpt-4o-mini-2024-07-18:acme::a1", "gpt-4o-mini-2024-07-18.ft-a1"])
def test_what_was_fine_tuned_has_no_family(model: str) -> None:
    assert family(model) is None


def test_no_model_with_a_price_for_sounds_or_images_and_none_without_one_for_output_is_taken_for_one_that_chats() -> (
    None
):
    prices = Prices()
    special = 0
    for provider, models in CATALOGUE.models(PricingFile(), NOW).items():
        for name, listed in models.items():
            found = prices.find(provider, name)
            assert isinstance(found, GenaiPrice)
            if listed.family and _is_for_something_else(found.model):
                special += 1
                assert listed.family.purposes or not listed.family.writes, name
    assert special > 20


def _is_for_something_else(model: ModelInfo) -> bool:
    listed = {name for name, price in vars(model.get_prices(NOW)).items() if price is not None}
    return "output_mtok" not in listed or any("audio" in name or "image" in name for name in listed)
