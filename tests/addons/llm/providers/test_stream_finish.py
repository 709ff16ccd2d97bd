"""The generation of a stream is over once its stop reason has passed, in every format."""

import base64
from typing import Any

import orjson
import pytest

from addons.llm.parsing.sse import Event
from addons.llm.providers import StreamMeter
from addons.llm.providers.anthropic import MESSAGES
from addons.llm.providers.bedrock_runtime import CONVERSE_STREAM, INVOKE_STREAM
from addons.llm.providers.openai import CHAT_COMPLETIONS, COMPLETIONS
from addons.llm.providers.responses import RESPONSES


def event(name: str, content: Any) -> Event:
    return Event(name, orjson.dumps(content), b"")


def invoked(content: Any) -> Event:
    return event("chunk", {"bytes": base64.b64encode(orjson.dumps(content)).decode()})


def choice(**content: Any) -> Event:
    return event("", {"choices": [{"index": 0, **content}]})


QUOTED = '"finish_reason": "stop"'
START = {"type": "message_start"}
STOP = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}
FINAL = {"type": "response.completed", "response": {}}
STREAMS: dict[str, tuple[StreamMeter, list[Event], Event]] = {
    "chat": (
        CHAT_COMPLETIONS.meter(True),
        [choice(delta={"content": QUOTED}, finish_reason=None)],
        choice(delta={}, finish_reason="stop"),
    ),
    "chat, with spaces": (
        CHAT_COMPLETIONS.meter(False),
        [Event("", b'{"choices": [{"finish_reason": null}]}', b"")],
        Event("", b'{"choices": [{"finish_reason": "tool_calls"}]}', b""),
    ),
    "completions": (COMPLETIONS.meter(False), [choice(text="a")], choice(text="", finish_reason="length")),
    "messages": (MESSAGES.meter(False), [event("message_start", START)], event("message_delta", STOP)),
    "responses": (RESPONSES.meter(False), [event("response.output_text.done", {})], event("response.completed", FINAL)),
    "converse": (CONVERSE_STREAM.meter(False), [event("contentBlockStop", {})], event("messageStop", {})),
    "invoke, Claude": (INVOKE_STREAM.meter(False), [invoked({"type": "content_block_stop"})], invoked(STOP)),
    "invoke, Llama": (
        INVOKE_STREAM.meter(False),
        [invoked({"generation": "a", "stop_reason": None})],
        invoked({"generation": "", "stop_reason": "stop"}),
    ),
    "invoke, Nova": (INVOKE_STREAM.meter(False), [invoked({"contentBlockStop": {}})], invoked({"messageStop": {}})),
}  # fmt: skip


@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_is_finished_at_its_stop_reason_and_not_before(stream: str) -> None:
    meter, before, last = STREAMS[stream]
    for each in before:
        meter.read(each)
        assert not meter.finished
    meter.read(last)
    assert meter.finished
