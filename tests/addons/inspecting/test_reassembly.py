"""Test that streams of every format are rebuilt. The fake provider makes the streams of whole answers."""

from collections.abc import Iterable

import orjson
import pytest

from addons.inspecting.reassembly import of_stream
from addons.inspecting.transcript import ERROR, REFUSAL, TEXT, THINKING, TOOL_CALL, Message, Part
from addons.llm.parsing.eventstream import EventStreamParser
from addons.llm.parsing.sse import Event, SSEParser
from demo.fake_provider import anthropic, bedrock, openai, responses
from demo.fake_provider.answers import Api, Reply

APIS = {
    "anthropic": anthropic.MESSAGES,
    "chat": openai.CHAT,
    "legacy": openai.COMPLETIONS,
    "responses": responses.RESPONSES,
    "converse": bedrock.CONVERSE_STREAM,
    "invoke": bedrock.INVOKE_STREAM,
}
REPLY = Reply(text="It rains in Paris — heavily.", chunks=7)
WHOLE = [Message("assistant", [Part(TEXT, REPLY.text)])]


def stream(api: Api, model: str, reply: Reply = REPLY) -> list[bytes]:
    assert api.events
    return list(api.events(model, reply, {}))


def read(chunks: Iterable[bytes], api: Api) -> list[Message]:
    parser = SSEParser() if api.content_type.startswith("text/") else EventStreamParser()
    return of_stream(event for chunk in chunks for event in parser.feed(chunk))


@pytest.mark.parametrize("name", APIS)
@pytest.mark.parametrize("model", ["anthropic.claude-haiku-4-5-20251001-v1:0", "meta.llama3"])
def test_a_stream_is_the_answer_that_it_brought(name: str, model: str) -> None:
    assert read(stream(APIS[name], model), APIS[name]) == WHOLE


@pytest.mark.parametrize("name", APIS)
def test_a_stream_that_is_cut_anywhere_is_the_beginning_of_its_answer(name: str) -> None:
    whole = b"".join(stream(APIS[name], "anthropic.claude-haiku-4-5-20251001-v1:0"))
    for end in range(0, len(whole), 7):
        for message in read([whole[:end]], APIS[name]):
            assert REPLY.text.startswith("".join(part.text for part in message.parts))


def sse(*contents: dict[str, object]) -> list[Event]:
    return [Event(str(content.get("type", "")), orjson.dumps(content), b"") for content in contents]


def named(name: str, **content: object) -> Event:
    return Event(name, orjson.dumps(content), b"")


def chunk(**delta: object) -> dict[str, object]:
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]}


def call(**function: str) -> dict[str, object]:
    return chunk(tool_calls=[{"index": 0, "function": function}])


THOUGHT = [Part(THINKING, "Where? Here."), Part(TOOL_CALL, '{"city":"Paris"}', "weather")]
STREAMS: dict[str, tuple[list[Event], list[Part]]] = {
    "anthropic": (
        sse(
            {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Where? "}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Here."}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "x"}},
            {
                "type": "content_block_start",
                "index": 1,
                "content_block": {"type": "tool_use", "name": "weather", "input": {}},
            },
            {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ""}},
            {
                "type": "content_block_delta",
                "index": 1,
                "delta": {"type": "input_json_delta", "partial_json": '{"city":'},
            },
            {
                "type": "content_block_delta",
                "index": 1,
                "delta": {"type": "input_json_delta", "partial_json": '"Paris"}'},
            },
        ),
        THOUGHT,
    ),
    "chat": (
        sse(
            chunk(reasoning_content="Where? "),
            chunk(reasoning_content="Here."),
            call(name="weather", arguments=""),
            call(arguments='{"city":'),
            call(arguments='"Paris"}'),
        ),
        THOUGHT,
    ),
    "responses, cut before the end": (
        sse(
            {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "summary": []}},
            {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "Where? "},
            {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "Here."},
            {
                "type": "response.output_item.added",
                "output_index": 1,
                "item": {"type": "function_call", "name": "weather", "arguments": ""},
            },
            {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": '{"city":"Paris"}'},
        ),
        THOUGHT,
    ),
    "converse": (
        [
            named("contentBlockDelta", contentBlockIndex=0, delta={"reasoningContent": {"text": "Where? "}}),
            named("contentBlockDelta", contentBlockIndex=0, delta={"reasoningContent": {"text": "Here."}}),
            named("contentBlockStart", contentBlockIndex=1, start={"toolUse": {"name": "weather", "toolUseId": "t"}}),
            named("contentBlockDelta", contentBlockIndex=1, delta={"toolUse": {"input": '{"city":"Paris"}'}}),
        ],
        THOUGHT,
    ),
    "a refusal": (sse(chunk(refusal="I can"), chunk(refusal="not.")), [Part(REFUSAL, "I cannot.")]),
    "an error of Anthropic's": (
        sse({"type": "error", "error": {"type": "overloaded_error"}}),
        [Part(ERROR, '{"type":"overloaded_error"}')],
    ),
    "an exception of Bedrock's": (
        [named("contentBlockDelta", delta={"text": "It"}), Event("exception", b"throttlingException", b"")],
        [Part(TEXT, "It"), Part(ERROR, "throttlingException")],
    ),
}


@pytest.mark.parametrize("name", STREAMS)
def test_thinking_tool_calls_and_errors_are_told_apart(name: str) -> None:
    events, parts = STREAMS[name]
    assert of_stream(events) == [Message("assistant", parts)]


@pytest.mark.parametrize("data", [b"", b"[DONE]", b"[1]", b'{"choices":5}', b'{"choices":[7]}', b'{"type":[]}'])
def test_what_is_no_part_of_an_answer_is_passed_over(data: bytes) -> None:
    assert of_stream([Event("", data, b"")]) == []
