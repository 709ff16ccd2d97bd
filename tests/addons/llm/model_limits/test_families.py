"""Test the table of families: which line holds for a name, and that each line can be relied on."""

import pytest
from genai_prices.data_snapshot import get_snapshot

from addons.llm.model_limits.families import FAMILIES, family_of

NOT_CHAT = ("image", "audio", "realtime", "transcribe", "tts", "live", "search", "embedding", "rosalind", "cyber")
"""Parts of the names of models that no rule leads to from a chat model."""
OLD = ("claude-2", "claude-v1", "claude-3-opus", "claude-3-sonnet", "gpt-3.5-0301", "gpt-4.5")
LITTLE_KNOWN = (
    "codex",
    "gpt-oss",
    "gpt-chat-latest",
    "gpt-5.3",
    "-pro",
    "deep-research",
    "gpt-6.1-terra",
    "gpt-4o:",
    "ft",
)


@pytest.mark.parametrize(
    ("name", "known_as"),
    [
        ("claude-haiku-4-5", "claude-haiku-4-5"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5"),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-haiku-4-5", "claude-haiku-4-5"),
        ("claude-haiku-5-5", "claude-haiku-5-5"),
        ("claude-opus-4-20250514", "claude-opus-4"),
        ("claude-opus-4-1-20250805", "claude-opus-4-1"),
        ("anthropic.claude-opus-4-6-v1", "claude-opus-4-6"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4-0613", "gpt-4"),
        ("gpt-4-0125-preview", "gpt-4-turbo*"),
        ("gpt-5-mini-2025-08-07", "gpt-5-mini"),
        ("gpt-5-chat-latest", "gpt-5-chat-latest"),
        ("gpt-5.6-terra", "gpt-5.6-*"),
        ("o3-mini-2025-01-31", "o3-mini"),
    ],
)
def test_a_model_is_found_under_all_its_names(name: str, known_as: str) -> None:
    family = family_of(name)
    assert family and known_as in family.names.split()


@pytest.mark.parametrize("name", ["my-deployment", "gpt-4o-audio-preview", "claude-haiku-9", "", "gpt-99", "llama3"])
def test_of_other_models_nothing_is_known(name: str) -> None:
    assert family_of(name) is None


def test_each_line_has_a_source_and_a_name_that_no_line_before_it_takes() -> None:
    for family in FAMILIES:
        assert "http" in family.source or "github.com" in family.source
        for name in family.names.split():
            assert family_of(name.replace("*", "0613").replace("?", "1")) is family, name


def test_current_models_of_genai_prices_are_in_the_table() -> None:
    """A new model is either given a line, or named here as one of which nothing is known."""
    snapshot = get_snapshot()
    names = [m.id for p in snapshot.providers if p.id in ("anthropic", "openai") for m in p.models]
    chat = [name for name in names if name.startswith(("claude", "gpt", "o1", "o3", "o4"))]
    left_out = NOT_CHAT + OLD + LITTLE_KNOWN
    missing = [name for name in chat if not family_of(name) and not any(part in name for part in left_out)]
    assert missing == []
