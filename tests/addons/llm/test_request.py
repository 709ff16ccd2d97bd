import hashlib
from typing import Any

import pytest

from addons.llm.providers import WireFormat
from addons.llm.providers.anthropic import MESSAGES
from addons.llm.providers.bedrock_runtime import CONVERSE, INVOKE
from addons.llm.providers.openai import CHAT_COMPLETIONS, COMPLETIONS, EMBEDDINGS
from addons.llm.providers.responses import RESPONSES


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
    request = MESSAGES.request({"model": "m", "max_tokens": limit}, "")
    assert (request.max_output_tokens, request.limits_output) == (4096, False)


@pytest.mark.parametrize("limit", [50, 50.0])
def test_an_output_limit_may_be_any_whole_number_above_0(limit: object) -> None:
    request = MESSAGES.request({"model": "m", "max_tokens": limit}, "")
    assert (request.max_output_tokens, request.limits_output) == (50, True)


def test_an_output_limit_beyond_all_models_does_not_reserve_a_whole_budget() -> None:
    assert MESSAGES.request({"model": "m", "max_tokens": 10**12}, "").max_output_tokens == 128_000


@pytest.mark.parametrize(
    ("wire", "body", "output", "choices"),
    [
        (CHAT_COMPLETIONS, {"n": 128, "max_tokens": 16384}, 2_097_152, 128),
        (CHAT_COMPLETIONS, {"n": 3}, 3 * 4096, 3),
        (CHAT_COMPLETIONS, {"n": 10**9, "max_tokens": 10}, 1280, 128),
        (CHAT_COMPLETIONS, {"n": "2", "max_tokens": 10}, 10, 1),
        (CHAT_COMPLETIONS, {"best_of": 5, "max_tokens": 10}, 10, 1),
        (COMPLETIONS, {"prompt": "a", "max_tokens": 1000, "best_of": 20}, 20_000, 20),
        (COMPLETIONS, {"prompt": "a", "max_tokens": 1000, "best_of": 4, "n": 3}, 4000, 4),
        (COMPLETIONS, {"prompt": ["a", "b", "c"], "max_tokens": 1000}, 3000, 3),
        (COMPLETIONS, {"prompt": ["a", "b"], "max_tokens": 1000, "n": 5}, 10_000, 10),
        (COMPLETIONS, {"prompt": [[1, 2], [3, 4], [5]], "max_tokens": 1000, "best_of": 2}, 6000, 6),
        (COMPLETIONS, {"prompt": [1, 2, 3], "max_tokens": 1000}, 1000, 1),
        (COMPLETIONS, {"prompt": [], "max_tokens": 1000}, 1000, 1),
        (COMPLETIONS, {"prompt": ["a", "b"]}, 2 * 4096, 2),
        (EMBEDDINGS, {"input": ["a", "b"]}, 0, 1),
        (RESPONSES, {"max_output_tokens": 7, "max_tokens": 9, "n": 3}, 7, 1),
        (RESPONSES, {"generate": False}, 0, 1),
        (CONVERSE, {"inferenceConfig": {"maxTokens": 7}, "max_tokens": 9}, 7, 1),
        (INVOKE, {"max_gen_len": 7}, 7, 1),
        (INVOKE, {"max_tokens_to_sample": 7}, 7, 1),
        (INVOKE, {"inferenceConfig": {"maxTokens": 7}}, 7, 1),
        (INVOKE, {"inferenceConfig": {"max_new_tokens": 7}}, 7, 1),
        (INVOKE, {"textGenerationConfig": {"maxTokenCount": 7}}, 7, 1),
        (INVOKE, {"max_tokens": 7, "inferenceConfig": {"maxTokens": 9}}, 7, 1),
    ],
)
def test_the_output_is_the_limit_of_an_answer_times_the_answers(
    wire: WireFormat, body: dict[str, Any], output: int, choices: int
) -> None:
    request = wire.request({"model": "m", **body}, "m")
    assert (request.max_output_tokens, request.choices) == (output, choices)


@pytest.mark.parametrize(
    ("wire", "body", "user"),
    [
        (COMPLETIONS, {"prompt": "x" * 9}, 2),
        (COMPLETIONS, {"prompt": "ü" * 9}, 2),
        (COMPLETIONS, {"prompt": ["x" * 9, "ü" * 9]}, 4),
        (COMPLETIONS, {"prompt": [5, 6, 7]}, 3),
        (EMBEDDINGS, {"input": [[5, 6, 7], [8]]}, 4),
        (EMBEDDINGS, {}, 0),
    ],
)
def test_a_prompt_is_texts_or_token_ids(wire: WireFormat, body: dict[str, Any], user: int) -> None:
    assert wire.request({"model": "m", **body}, "").user_prompt_tokens == user


@pytest.mark.parametrize("messages", [None, "x", [None, 5, {"role": "user"}, {"role": "user", "content": [7]}]])
def test_messages_of_another_shape_are_no_error(messages: object) -> None:
    assert MESSAGES.request({"model": "m", "messages": messages}, "").user_prompt_tokens == 0
