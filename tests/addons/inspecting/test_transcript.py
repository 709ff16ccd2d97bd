"""Test that requests and answers of every format are shown as a conversation."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.inspecting.transcript import (
    ERROR,
    OTHER,
    REFUSAL,
    TEXT,
    THINKING,
    TOOL_CALL,
    TOOL_RESULT,
    WIDTH,
    Message,
    Part,
    of_answer,
    of_request,
    parameters,
    render,
)

HELLO = Message("user", [Part(TEXT, "Hello")])
WEATHER = Part(TOOL_CALL, '{"city":"Paris"}', "weather")

REQUESTS: dict[str, tuple[dict[str, Any], list[Message]]] = {
    "anthropic": (
        {"system": "Be brief.", "messages": [{"role": "user", "content": "Hello"}]},
        [Message("system", [Part(TEXT, "Be brief.")]), HELLO],
    ),
    "anthropic blocks": (
        {
            "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "Where?", "signature": "x"},
                        {"type": "redacted_thinking", "data": "x"},
                        {"type": "tool_use", "id": "t", "name": "weather", "input": {"city": "Paris"}},
                    ],
                },
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "Rain"}]},
            ],
        },
        [
            Message("system", [Part(TEXT, "Be brief.")]),
            HELLO,
            Message("assistant", [Part(THINKING, "Where?"), Part(THINKING, "(not shown)"), WEATHER]),
            Message("user", [Part(TOOL_RESULT, "Rain")]),
        ],
    ),
    "chat": (
        {
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
                {
                    "role": "assistant",
                    "content": None,
                    "reasoning_content": "Where?",
                    "tool_calls": [{"id": "t", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}}],
                },
                {"role": "tool", "tool_call_id": "t", "content": "Rain"},
            ]
        },
        [
            Message("developer", [Part(TEXT, "Be brief.")]),
            HELLO,
            Message("assistant", [Part(THINKING, "Where?"), WEATHER]),
            Message("tool", [Part(TOOL_RESULT, "Rain")]),
        ],
    ),
    "responses": (
        {
            "instructions": "Be brief.",
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
                {"type": "function_call", "name": "weather", "arguments": '{"city":"Paris"}', "call_id": "t"},
                {"type": "function_call_output", "call_id": "t", "output": "Rain"},
            ],
        },
        [
            Message("system", [Part(TEXT, "Be brief.")]),
            Message("user", [Part(TEXT, "Hello"), WEATHER, Part(TOOL_RESULT, "Rain")]),
        ],
    ),
    "responses, or embeddings, of a text": ({"input": "Hello"}, [HELLO]),
    "embeddings of texts": ({"input": ["Hello", "you"]}, [Message("user", [Part(TEXT, "Hello"), Part(TEXT, "you")])]),
    "legacy": ({"prompt": "Hello"}, [HELLO]),
    "converse": (
        {
            "system": [{"text": "Be brief."}],
            "messages": [
                {"role": "user", "content": [{"text": "Hello"}]},
                {
                    "role": "assistant",
                    "content": [
                        {"reasoningContent": {"reasoningText": {"text": "Where?"}}},
                        {"toolUse": {"toolUseId": "t", "name": "weather", "input": {"city": "Paris"}}},
                    ],
                },
                {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [{"text": "Rain"}]}}]},
            ],
        },
        [
            Message("system", [Part(TEXT, "Be brief.")]),
            HELLO,
            Message("assistant", [Part(THINKING, "Where?"), WEATHER]),
            Message("user", [Part(TOOL_RESULT, "Rain")]),
        ],
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_a_conversation(name: str) -> None:
    body, messages = REQUESTS[name]
    assert of_request(body) == messages


ANSWERS: dict[str, tuple[dict[str, Any], list[Message]]] = {
    "anthropic": (
        {
            "content": [
                {"type": "thinking", "thinking": "Where?"},
                {"type": "server_tool_use", "name": "weather", "input": {"city": "Paris"}},
                {"type": "web_search_tool_result", "content": [{"type": "text", "text": "Rain"}]},
                {"type": "text", "text": "It rains."},
            ]
        },
        [Message("assistant", [Part(THINKING, "Where?"), WEATHER, Part(TOOL_RESULT, "Rain"), Part(TEXT, "It rains.")])],
    ),
    "chat": (
        {"choices": [{"message": {"content": None, "refusal": "No."}}, {"message": {"content": "Yes."}}]},
        [Message("assistant", [Part(REFUSAL, "No.")]), Message("assistant", [Part(TEXT, "Yes.")])],
    ),
    "legacy": ({"choices": [{"text": "Yes."}]}, [Message("assistant", [Part(TEXT, "Yes.")])]),
    "responses": (
        {
            "error": None,
            "output": [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Where?"}]},
                {"type": "web_search_call", "action": {"type": "search", "query": "rain"}},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It rains."}]},
            ],
        },
        [
            Message(
                "assistant",
                [Part(THINKING, "Where?"), Part(TOOL_CALL, '{"type":"search","query":"rain"}', "web_search_call")],
            ),
            Message("assistant", [Part(TEXT, "It rains.")]),
        ],
    ),
    "converse": (
        {"output": {"message": {"role": "assistant", "content": [{"text": "It rains."}]}}},
        [Message("assistant", [Part(TEXT, "It rains.")])],
    ),
    "embeddings": (
        {"data": [{"embedding": [0.5, 1.0]}]},
        [Message("assistant", [Part(OTHER, "1 embeddings of 2 numbers")])],
    ),
    "error": ({"error": {"type": "x"}}, [Message(ERROR, [Part(ERROR, '{"type":"x"}')])]),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_a_conversation(name: str) -> None:
    body, messages = ANSWERS[name]
    assert of_answer(body) == messages


def test_thinking_and_tool_calls_are_told_apart_from_the_text() -> None:
    body, _ = ANSWERS["anthropic"]
    assert render(of_answer(body)).splitlines() == [
        "── assistant ".ljust(WIDTH, "─"),
        "[thinking] Where?",
        '[tool call weather] {"city":"Paris"}',
        "[tool result] Rain",
        "It rains.",
    ]


def test_what_a_request_asks_for_is_on_one_line() -> None:
    body = {"model": "m", "max_tokens": 5, "stream": True, "tools": [{"name": "a"}, {"function": {"name": "b"}}]}
    assert parameters(body) == "model m · max_tokens 5 · stream True · tools a, b"


def test_images_are_told_by_their_size() -> None:
    image = {"type": "image", "source": {"type": "base64", "data": "A" * 1000}}
    [message] = of_request({"messages": [{"role": "user", "content": [image]}]})
    assert message.parts == [Part(OTHER, "1,053 bytes", "image")]
    assert "[image] 1,053 bytes" in render([message])


def test_long_lines_are_wrapped_and_long_words_are_not() -> None:
    word, text = "x" * 200, "some words " * 30
    lines = render([Message("user", [Part(TEXT, f"{text}{word} end")])]).splitlines()
    assert {len(line) for line in lines if len(line) > WIDTH} == {200}
    assert " ".join(lines[1:]).split() == f"{text}{word} end".split()


def test_a_huge_conversation_is_cut() -> None:
    messages = [Message("user", [Part(TEXT, "x" * 10**6)])] * 1000
    text = render(messages)
    assert len(text) < 10**6
    assert "900,000 characters more" in text
    assert text.endswith("the raw view has it]")


NAMES = [
    *("type", "role", "content", "text", "messages", "input", "output", "choices", "message", "tool_calls"),
    *("function", "error", "data", "embedding", "system", "toolUse", "summary", "reasoningText", "refusal", "tools"),
]
LEAVES = st.sampled_from([None, True, 1, "", "x", "text", "tool_use", "message", "reasoning", "a_call", "image"])
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["messages", "input", "system", "output", "choices", "content", "data"]), JSON))
def test_whatever_json_it_is_something_is_shown(body: dict[str, Any]) -> None:
    for messages in (of_request(body), of_answer(body)):
        assert isinstance(render(messages), str)
    assert isinstance(parameters(body), str)


def test_json_that_is_too_deep_to_be_written_is_not() -> None:
    deep: Any = {}
    for _ in range(300):
        deep = {"a": deep}
    with pytest.raises(TypeError):
        orjson.dumps(deep)
    assert of_answer({"error": deep}) == [Message(ERROR, [Part(ERROR, "(cannot be shown)")])]
