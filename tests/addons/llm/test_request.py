import hashlib
from typing import Any

import pytest

from addons.llm.providers.anthropic import MESSAGES
from addons.llm.providers.openai import CHAT_COMPLETIONS
from addons.llm.request import characters


def test_anthropics_request_is_read_for_its_sizes_and_the_hash_of_its_system_prompt() -> None:
    body = {
        "model": "claude-sonnet-4-6",
        "max_tokens": 50,
        "stream": True,
        "system": [{"type": "text", "text": "be brief"}],
        "messages": [
            {"role": "user", "content": "x" * 40},
            {"role": "assistant", "content": "y" * 400},
            {"role": "user", "content": [{"type": "text", "text": "z" * 40}, {"type": "image", "source": {}}]},
        ],
    }
    request = MESSAGES.request(body, "")
    assert (request.model, request.stream, request.max_output_tokens) == ("claude-sonnet-4-6", True, 50)
    assert request.prompt_hash == hashlib.sha256(b"be brief").hexdigest()[:8]
    assert (request.system_prompt_tokens, request.user_prompt_tokens) == (2, 20)
    assert 120 < request.input_tokens < 150


def test_openais_system_prompt_is_its_system_and_developer_messages() -> None:
    body = {
        "model": "gpt-4o",
        "n": 2,
        "max_tokens": 9,
        "max_completion_tokens": 7,
        "messages": [
            {"role": "system", "content": "a"},
            {"role": "developer", "content": "b"},
            {"role": "user", "content": "12345678"},
        ],
    }
    request = CHAT_COMPLETIONS.request(body, "")
    assert request.prompt_hash == hashlib.sha256(b"a\nb").hexdigest()[:8]
    assert (request.user_prompt_tokens, request.max_output_tokens) == (2, 14)


@pytest.mark.parametrize("body", [{}, {"model": ""}, {"model": "  "}, {"model": 4}, {"model": None}])
def test_a_request_without_a_model_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no model"):
        MESSAGES.request(body, "")


@pytest.mark.parametrize("limit", [None, 0, -4, "9", True, 1.5])
def test_an_output_limit_that_makes_no_sense_is_taken_as_4096(limit: object) -> None:
    assert MESSAGES.request({"model": "m", "max_tokens": limit}, "").max_output_tokens == 4096


def test_an_output_limit_beyond_all_models_does_not_reserve_a_whole_budget() -> None:
    assert MESSAGES.request({"model": "m", "max_tokens": 10**12}, "").max_output_tokens == 128_000


@pytest.mark.parametrize("messages", [None, "x", [None, 5, {"role": "user"}, {"role": "user", "content": [7]}]])
def test_messages_of_another_shape_are_no_error(messages: object) -> None:
    assert MESSAGES.request({"model": "m", "messages": messages}, "").user_prompt_tokens == 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": ["12", {"b": "345"}], "c": 5, "d": None}, 5),
        ({"type": "base64", "media_type": "image/png", "data": "x" * 10**6}, 6400),
        ({"url": "data:image/png;base64," + "x" * 10**6}, 6400),
        ({"type": "base64", "data": "x" * 10}, 10),
    ],
)
def test_an_image_counts_as_an_image_not_as_its_bytes(value: object, expected: int) -> None:
    assert characters(value) == expected
