"""Test Anthropic's legacy text completions, whose answers report no usage."""

import orjson
import pytest

from addons.llm.answers import read_body
from addons.llm.denial import Denial
from addons.llm.parsing.sse import Event
from addons.llm.providers.text_completion import TEXT_COMPLETION
from addons.llm.usage import Estimate


def test_a_request_is_read() -> None:
    body = {"model": "claude-2.1", "prompt": "x" * 400, "max_tokens_to_sample": 50, "stream": True}
    request = TEXT_COMPLETION.request(body, "")
    assert (request.model, request.stream, request.max_output_tokens) == ("claude-2.1", True, 50)
    assert request.user_prompt_tokens == 100 <= request.input_tokens
    with pytest.raises(ValueError, match="no model"):
        TEXT_COMPLETION.request({"prompt": ["not", "text"]}, "")


def test_an_answer_is_estimated_by_its_text() -> None:
    body = read_body(orjson.dumps({"completion": "y" * 40, "stop_reason": "stop_sequence", "model": "claude-2.1"}))
    usage = body.usage(TEXT_COMPLETION, Estimate(100, 0))
    assert (body.model, usage.input_tokens, usage.output_tokens, usage.estimated) == ("claude-2.1", 100, 10, True)


def test_a_stream_is_estimated_by_its_text_and_ends_with_its_stop_reason() -> None:
    meter = TEXT_COMPLETION.meter(False)
    for text, stop in (("y" * 20, None), ('"stop_reason": "', None), ("z" * 19, "max_tokens")):
        assert not meter.complete
        data = {"type": "completion", "completion": text, "stop_reason": stop, "model": "claude-2.1"}
        assert meter.read(Event("completion", orjson.dumps(data), b""))
    assert (meter.complete, meter.finished, meter.model, meter.error) == (True, True, "claude-2.1", "")
    usage = meter.usage(Estimate(100, 0))
    assert (usage.input_tokens, usage.output_tokens, usage.estimated) == (100, -(-meter.text_bytes // 4), True)


def test_an_error_in_a_stream_is_named() -> None:
    meter = TEXT_COMPLETION.meter(False)
    for data in (b"[", b"[]", b'{"type":"error","error":{"type":"overloaded_error","message":"m"}}'):
        meter.read(Event("error", data, b""))
    assert meter.error == "overloaded_error" and not meter.complete
    assert TEXT_COMPLETION.error_body(Denial(400, "a", "b")) == {
        "type": "error",
        "error": {"type": "a", "message": "b"},
    }
