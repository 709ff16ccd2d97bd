"""Test which whole bodies are answers, and what is billed for those that are none."""

from typing import Any

import orjson
import pytest

from addons.llm import answers
from addons.llm.answers import NOT_AN_ANSWER, NOT_JSON, UNREADABLE, WholeAnswer, read_body, read_events
from addons.llm.providers.anthropic import MESSAGES
from addons.llm.providers.base import WireFormat
from addons.llm.providers.openai import CHAT_COMPLETIONS, EMBEDDINGS
from addons.llm.providers.responses import RESPONSES
from addons.llm.usage import NOTHING, Estimate, Usage

ESTIMATE = Estimate(77, 0)
CHAT = {"prompt_tokens": 10, "completion_tokens": 5}
FAILED = {"object": "response", "status": "failed", "error": {"code": "server_error", "message": "x"}, "output": []}
CHOICES = [{"message": {"role": "assistant", "content": "x" * 31}}]  # 40 characters


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", NOT_JSON),
        (b"<html>Sign in</html>", NOT_JSON),
        (b"upstream connect error", NOT_JSON),
        (b"[]", NOT_JSON),
        (b'"text"', NOT_JSON),
        (b"null", NOT_JSON),
        (b"{}", NOT_AN_ANSWER),
        (b'{"detail": "Not authenticated"}', NOT_AN_ANSWER),
        (b'{"status": "ok"}', NOT_AN_ANSWER),
        (b'{"error": {"message": "overloaded", "type": "server_error"}}', "server_error"),
        (b'{"type": "error", "error": {"type": "overloaded_error", "message": "x"}}', "overloaded_error"),
        (b'{"error": "overloaded"}', "error"),
        (b'{"error": {"message": "x"}, "choices": []}', "error"),
        (orjson.dumps(FAILED), "server_error"),
        (orjson.dumps(FAILED | {"usage": None}), "server_error"),
    ],
)
@pytest.mark.parametrize("wire", [MESSAGES, CHAT_COMPLETIONS, RESPONSES, EMBEDDINGS])
def test_a_body_that_is_no_answer_costs_nothing_and_says_why(body: bytes, error: str, wire: WireFormat) -> None:
    found = read_body(body)
    assert (found.error, found.usage(wire, ESTIMATE)) == (error, NOTHING)


@pytest.mark.parametrize(
    ("wire", "answer", "expected"),
    [
        (CHAT_COMPLETIONS, {"choices": CHOICES, "usage": CHAT}, Usage(10, 5)),
        (CHAT_COMPLETIONS, {"usage": CHAT}, Usage(10, 5)),
        (CHAT_COMPLETIONS, {"choices": CHOICES, "usage": CHAT, "error": {"type": "x"}}, Usage(10, 5)),
        (CHAT_COMPLETIONS, {"choices": CHOICES}, Usage(77, 10, estimated=True)),
        (CHAT_COMPLETIONS, {"choices": CHOICES, "error": {"type": "x"}}, Usage(77, 10, estimated=True)),
        (CHAT_COMPLETIONS, {"choices": CHOICES, "usage": {}}, Usage(77, 10, estimated=True)),
        (EMBEDDINGS, {"data": [{"embedding": "A" * 4000}]}, Usage(77, 0, estimated=True)),
        (MESSAGES, {"content": [{"type": "text", "text": "y" * 40}]}, Usage(77, 11, estimated=True)),
        (RESPONSES, FAILED | {"usage": {"input_tokens": 9, "output_tokens": 2}}, Usage(9, 2)),
        (RESPONSES, {"status": "queued", "output": []}, Usage(77, 0, estimated=True)),
    ],
)
def test_an_answer_is_billed_as_it_reports_or_by_its_text(
    wire: WireFormat, answer: dict[str, Any], expected: Usage
) -> None:
    found = read_body(orjson.dumps(answer))
    assert (found.error != "", found.usage(wire, ESTIMATE)) == ("error" in answer, expected)


def test_an_answer_may_have_half_a_surrogate_pair_and_a_byte_order_mark() -> None:
    found = read_body(b'\xef\xbb\xbf{"choices": ["\\ud83d"], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}')
    assert found.usage(CHAT_COMPLETIONS, ESTIMATE) == Usage(1, 2)


def whole(*chunks: bytes, most_output: int = 50) -> WholeAnswer:
    answer = WholeAnswer(CHAT_COMPLETIONS, most_output)
    for chunk in chunks:
        answer.add(chunk)
    return answer


def test_an_answer_in_chunks_is_read_wherever_it_is_cut() -> None:
    content = orjson.dumps({"model": "gpt-x", "choices": CHOICES, "usage": CHAT})
    for cut in range(len(content) + 1):
        answer = whole(content[:cut], content[cut:])
        assert (answer.model, answer.error, answer.usage(ESTIMATE)) == ("gpt-x", "", Usage(10, 5))


@pytest.mark.parametrize(("size", "expected"), [(40, 10), (10**6, 50)])
def test_an_answer_cut_short_is_estimated_by_its_size_up_to_what_was_asked_for(size: int, expected: int) -> None:
    answer = whole(b'{"choices":'.ljust(size, b"x"))
    assert (answer.error, answer.usage(ESTIMATE)) == (UNREADABLE, Usage(77, expected, estimated=True))


def test_an_answer_that_is_too_large_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "_MOST_KEPT_BYTES", 100)
    answer = whole(b'{"choices": "', b"x" * 60, b"x" * 60, b'"}')
    assert len(answer._content) <= 100
    assert (answer.error, answer.usage(ESTIMATE)) == (UNREADABLE, Usage(77, 34, estimated=True))


def test_events_in_a_whole_body_are_read() -> None:
    content = b': hi\n\ndata: {"model": "m", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}'
    meter = read_events(CHAT_COMPLETIONS, content)
    assert (meter.model, meter.usage(ESTIMATE)) == ("m", Usage(3, 4))
