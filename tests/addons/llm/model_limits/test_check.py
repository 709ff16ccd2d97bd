"""Test what is known to be refused, a fact of each line at a time, and that no body is too odd to be looked at."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.llm.model_limits.check import _CHECKS, _PATHS, shape, why_refused
from addons.llm.model_limits.families import FAMILIES

ADAPTIVE = {"thinking": {"type": "adaptive"}}
ENABLED = {"thinking": {"type": "enabled", "budget_tokens": 31999}}
DISABLED = {"thinking": {"type": "disabled"}}
CLAUDE_SCHEMA = {"output_config": {"format": {"type": "json_schema", "schema": {}}}}
CHAT_SCHEMA = {"response_format": {"type": "json_schema", "json_schema": {}}}
RESPONSES_SCHEMA = {"text": {"format": {"type": "json_schema", "schema": {}}}}
MESSAGES = [{"role": "user", "content": "x"}]

CLAUDE_CODE = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 32000,
    "stream": True,
    "thinking": {"type": "adaptive"},
    "output_config": {"effort": "high"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "metadata": {"user_id": "{}"},
    "system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}],
    "tools": [{"name": "Bash", "input_schema": {}}],
    "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
}
"""The shape of what Claude Code 2.1 sends when it is asked for Sonnet 4.6."""


def effort(level: str) -> dict[str, Any]:
    return {"output_config": {"effort": level}}


def own(**fields: Any) -> dict[str, Any]:
    """Return a Converse body with a model's own parameters."""
    return {"messages": MESSAGES, "additionalModelRequestFields": fields}


@pytest.mark.parametrize(
    ("target", "body", "reason"),
    [
        # What Claude Code sends
        ("claude-haiku-4-5", CLAUDE_CODE, "thinking"),
        ("claude-haiku-4-5-20251001", CLAUDE_CODE | DISABLED, "effort"),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", CLAUDE_CODE, "thinking"),
        ("claude-sonnet-5", CLAUDE_CODE, ""),
        ("claude-haiku-5-5", CLAUDE_CODE, ""),
        ("claude-sonnet-4-6", CLAUDE_CODE, ""),
        # Thinking
        ("claude-haiku-4-5", ENABLED, ""),
        ("claude-haiku-4-5", DISABLED, ""),
        ("claude-haiku-4-5", {"thinking": None}, ""),
        ("claude-3-haiku-20240307", ENABLED, "thinking"),
        ("claude-3-5-haiku-latest", ENABLED, "thinking"),
        ("claude-3-7-sonnet-latest", ADAPTIVE, "thinking"),
        ("claude-sonnet-4-20250514", ADAPTIVE, "thinking"),
        ("claude-opus-4-1", ADAPTIVE, "thinking"),
        ("claude-sonnet-4-5", ADAPTIVE, "thinking"),
        ("claude-opus-4-5", ADAPTIVE, "thinking"),
        ("claude-opus-4-6", ADAPTIVE, ""),
        ("claude-opus-4-6", ENABLED, ""),
        ("claude-sonnet-4-6", ENABLED, ""),
        ("claude-opus-4-7", ENABLED, "thinking"),
        ("claude-opus-4-7", ADAPTIVE, ""),
        ("claude-opus-4-8", ENABLED, "thinking"),
        ("claude-sonnet-5", ENABLED, "thinking"),
        ("claude-sonnet-5", DISABLED, ""),
        ("claude-opus-5", DISABLED, ""),
        ("claude-haiku-5-5", ENABLED, "thinking"),
        ("claude-haiku-5-5", DISABLED, ""),
        ("claude-sonnet-5-5", DISABLED, "thinking"),
        ("claude-sonnet-5-5", {"thinking": {"type": "between_tools"}}, ""),
        ("claude-sonnet-5", {"thinking": {"type": "between_tools"}}, "thinking"),
        ("claude-opus-5-5", DISABLED, "thinking"),
        ("claude-fable-5-1", DISABLED, "thinking"),
        ("claude-mythos-5", ENABLED, "thinking"),
        ("anthropic.claude-haiku-4-5-20251001-v1:0", own(thinking={"type": "adaptive"}), "thinking"),
        ("anthropic.claude-haiku-4-5-20251001-v1:0", own(output_config={"effort": "low"}), "effort"),
        ("anthropic.claude-haiku-4-5-20251001-v1:0", {"outputConfig": {"effort": "low"}}, "effort"),
        # Effort
        ("claude-haiku-4-5", effort("low"), "effort"),
        ("claude-sonnet-4-5", effort("low"), "effort"),
        ("claude-opus-4-5", effort("high"), ""),
        ("claude-opus-4-5", effort("max"), "effort"),
        ("claude-sonnet-4-6", effort("max"), ""),
        ("claude-sonnet-4-6", effort("xhigh"), "effort"),
        ("claude-opus-4-7", effort("xhigh"), ""),
        # Reasoning
        ("gpt-4o-mini", {"reasoning_effort": "low"}, "reasoning"),
        ("gpt-4o-mini", {"reasoning": {"effort": "low"}}, "reasoning"),
        ("gpt-4o-mini", {"reasoning": {"summary": "auto"}}, "reasoning"),
        ("gpt-4o-mini", {"reasoning": {"effort": None}}, ""),
        ("gpt-4o-mini", {"reasoning": None, "reasoning_effort": None}, ""),
        ("gpt-4o-mini", {"include": ["reasoning.encrypted_content"]}, "reasoning"),
        ("gpt-4o-mini", {"input": [{"type": "message"}, {"type": "reasoning", "id": "rs_1"}]}, "reasoning"),
        ("gpt-4.1-mini", {"reasoning": {"effort": "none"}}, "reasoning"),
        ("gpt-5-mini", {"reasoning": {"effort": "minimal", "summary": "auto"}}, ""),
        ("gpt-5-mini", {"reasoning": {"effort": "none"}}, "reasoning"),
        ("gpt-5-mini", {"reasoning_effort": "xhigh"}, "reasoning"),
        ("gpt-5-pro", {"reasoning": {"effort": "low"}}, "reasoning"),
        ("gpt-5.1", {"reasoning_effort": "minimal"}, "reasoning"),
        ("gpt-5.1", {"reasoning_effort": "none"}, ""),
        ("gpt-5.4-mini", {"reasoning_effort": "xhigh"}, ""),
        ("gpt-5.4-mini", {"reasoning_effort": "max"}, "reasoning"),
        ("gpt-5.6-luna", {"reasoning_effort": "max"}, ""),
        ("gpt-6.1-sol", {"reasoning": {"effort": "none"}}, "reasoning"),
        ("o4-mini", {"reasoning_effort": "minimal"}, "reasoning"),
        ("o1-mini", {"reasoning_effort": "low"}, "reasoning"),
        # Response formats
        ("claude-haiku-4-5", CLAUDE_SCHEMA, ""),
        ("claude-3-5-haiku-20241022", CLAUDE_SCHEMA, "response_format"),
        ("claude-sonnet-4-20250514", {"output_format": {"type": "json_schema"}}, "response_format"),
        ("anthropic.claude-3-haiku-20240307-v1:0", {"outputConfig": {"textFormat": {"type": "json_schema"}}},
         "response_format"),
        ("gpt-4o-mini", CHAT_SCHEMA, ""),
        ("gpt-4o-2024-05-13", CHAT_SCHEMA, "response_format"),
        ("gpt-3.5-turbo", CHAT_SCHEMA, "response_format"),
        ("gpt-3.5-turbo", {"response_format": {"type": "json_object"}}, ""),
        ("gpt-3.5-turbo", {"response_format": {"type": "text"}}, ""),
        ("gpt-4-turbo", RESPONSES_SCHEMA, "response_format"),
        ("gpt-4-0613", {"response_format": {"type": "json_object"}}, "response_format"),
        # Limits of the output
        ("claude-haiku-4-5", {"max_tokens": 64_000}, ""),
        ("claude-haiku-4-5", {"max_tokens": 64_001}, "max_tokens"),
        ("claude-3-haiku-20240307", {"max_tokens": 8192}, "max_tokens"),
        ("anthropic.claude-haiku-4-5-20251001-v1:0", {"inferenceConfig": {"maxTokens": 65_000}}, "max_tokens"),
        ("gpt-4o-mini", {"max_tokens": 16_384}, ""),
        ("gpt-4o-mini", {"max_completion_tokens": 16_385}, "max_tokens"),
        ("gpt-4o-mini", {"max_output_tokens": 20_000}, "max_tokens"),
        ("gpt-4.1-nano", {"max_completion_tokens": 40_000}, "max_tokens"),
        ("gpt-5-mini", {"messages": MESSAGES, "max_tokens": 10}, "max_tokens"),
        ("gpt-5-mini", {"messages": MESSAGES, "max_completion_tokens": 10}, ""),
        # Sampling
        ("claude-haiku-4-5", {"temperature": 0}, ""),
        ("claude-sonnet-5", {"temperature": 0}, "sampling"),
        ("claude-sonnet-5", {"temperature": 1}, ""),
        ("claude-opus-4-7", {"top_k": 5}, "sampling"),
        ("anthropic.claude-sonnet-5", {"inferenceConfig": {"topP": 0.5}}, "sampling"),
        ("gpt-4o-mini", {"temperature": 0}, ""),
        ("gpt-5-mini", {"temperature": 0.2}, "sampling"),
        ("o4-mini", {"top_p": 0.9}, "sampling"),
        ("gpt-5.1", {"temperature": 0.2}, ""),
        ("gpt-5.1", {"temperature": 0.2, "reasoning_effort": "none"}, ""),
        ("gpt-5.1", {"temperature": 0.2, "reasoning_effort": "high"}, "sampling"),
        # Tools and prefill
        ("claude-sonnet-5-5", {"tool_choice": {"type": "any"}}, "tool_choice"),
        ("claude-opus-5-5", {"tool_choice": {"type": "tool", "name": "x"}}, "tool_choice"),
        ("anthropic.claude-opus-5-5", {"toolConfig": {"toolChoice": {"any": {}}}}, "tool_choice"),
        ("claude-sonnet-5-5", {"tool_choice": {"type": "auto"}}, ""),
        ("claude-sonnet-5", {"tool_choice": {"type": "any"}}, ""),
        ("claude-haiku-5-5", {"messages": [*MESSAGES, {"role": "assistant", "content": "{"}]}, "prefill"),
        ("claude-haiku-4-5", {"messages": [*MESSAGES, {"role": "assistant", "content": "{"}]}, ""),
        ("gpt-6.1-sol", {"messages": MESSAGES, "tools": [{}]}, "tools"),
        ("gpt-6.1-sol", {"input": "x", "tools": [{}]}, ""),
        ("gpt-6-luna", {"messages": MESSAGES, "tools": [{}]}, "tools"),
        ("gpt-6-luna", {"messages": MESSAGES, "tools": [{}], "reasoning_effort": "none"}, ""),
        # Models of which nothing is known
        ("my-deployment", CLAUDE_CODE | CHAT_SCHEMA | {"reasoning_effort": "low", "max_tokens": 10**9}, ""),
    ],
)  # fmt: skip
def test_a_model_refuses_what_its_family_is_known_to_refuse(target: str, body: dict[str, Any], reason: str) -> None:
    assert why_refused(target, body, 0, None) == reason


@pytest.mark.parametrize(
    ("tokens", "window", "reason"),
    [(180_000, 200_000, ""), (180_001, 200_000, "context"), (10**9, None, ""), (115_201, 128_000, "context")],
)
def test_a_prompt_that_is_about_to_fill_the_context_is_too_long(tokens: int, window: int | None, reason: str) -> None:
    assert why_refused("any-model", {}, tokens, window) == reason


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"model": "m", "messages": MESSAGES}, ()),
        ({"max_tokens": 5, "thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
         ("thinking", "effort", "max_tokens")),
        ({"max_tokens": 7, "thinking": {"type": "enabled"}}, ("thinking", "max_tokens")),
        ({"reasoning": {"summary": "auto"}}, ("reasoning",)),
        ({"reasoning": {"effort": "low"}, "temperature": 0}, ("reasoning", "temperature")),
        (own(thinking={"type": "adaptive"}), ("thinking",)),
    ],
)  # fmt: skip
def test_a_shape_is_which_parameters_a_body_has_and_not_what_they_say(body: dict[str, Any], expected: Any) -> None:
    assert shape(body) == expected


_PARAMETERS = {key for paths in _PATHS.values() for path in paths for key in path.split(".")}
_OTHERS = ("additionalModelRequestFields", "messages", "input", "include", "role", "any", "tool")
KEYS = st.sampled_from([*sorted(_PARAMETERS), *_OTHERS])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["adaptive", "low", "any", "assistant", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@given(st.dictionaries(KEYS, VALUES, max_size=8), st.sampled_from([f.names.split()[0] for f in FAMILIES]))
def test_no_json_body_is_too_odd(body: dict[str, Any], target: str) -> None:
    assert why_refused(target, body, 0, None) in {"", *_CHECKS}
    assert set(shape(body)) <= set(_PATHS)
