"""Rebuild the messages of a streamed answer, in any of the formats, even where the stream was cut off.

They are only shown: the stream's meter measures the usage, as the stream passes.
"""

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from addons.inspecting.transcript import ERROR, REFUSAL, TEXT, THINKING, TOOL_CALL, Message, Part, of_answer, part_of
from addons.llm.parsing.sse import Event
from addons.llm.providers.responses import FINAL

_Key = tuple[object, ...]


@dataclass(slots=True)
class _Draft:
    kind: str
    name: str = ""
    pieces: list[str] = field(default_factory=list)


class _Answer:
    def __init__(self) -> None:
        self.drafts: dict[_Key, _Draft] = {}
        """The parts of the answer so far, in the order in which they began."""
        self.whole: list[Message] = []
        """The whole answer, where the last event of the stream repeats it."""

    def begin(self, key: _Key, block: object) -> None:
        for part in part_of(block) if isinstance(block, dict) else ():
            empty = (part.kind == TOOL_CALL and part.text == "{}") or part.text == "(not shown)"
            self.drafts[key] = _Draft(part.kind, part.name, [] if empty else [part.text])

    def add(self, key: _Key, kind: str, text: object, name: object = "") -> None:
        if not isinstance(text, str) or not (text or name):
            return
        draft = self.drafts.setdefault(key, _Draft(kind))
        draft.name = draft.name or (name if isinstance(name, str) else "")
        draft.pieces.append(text)

    def fail(self, error: object) -> None:
        text = error if isinstance(error, str) else orjson.dumps(error).decode()
        self.drafts["error", len(self.drafts)] = _Draft(ERROR, "", [text])

    def messages(self) -> list[Message]:
        if self.whole:
            return self.whole
        parts = [Part(draft.kind, "".join(draft.pieces), draft.name) for draft in self.drafts.values()]
        return [Message("assistant", parts)] if parts else []


def of_stream(events: Iterable[Event]) -> list[Message]:
    answer = _Answer()
    for event in events:
        _read(answer, event)
    return answer.messages()


def _read(answer: _Answer, event: Event) -> None:
    if event.name == "exception":
        answer.fail(event.data.decode(errors="replace"))
        return
    try:
        content = orjson.loads(event.data)
        if isinstance(content, dict) and isinstance(content.get("bytes"), str):  # a frame of Bedrock's `invoke`
            content = orjson.loads(base64.b64decode(content["bytes"]))
    except ValueError:
        return  # the event is [DONE], or was cut off
    if not isinstance(content, dict):
        return
    kind = content.get("type")
    if isinstance(kind, str) and (reader := _BY_TYPE.get(kind)):
        reader(answer, content)
    elif isinstance(kind, str) and kind in FINAL:
        response = content.get("response")
        answer.whole = of_answer(response) if isinstance(response, dict) else []
    elif content.get("error") or kind == "error":
        answer.fail(content.get("error") or content)
    elif "choices" in content:
        _read_chunk(answer, content)
    elif event.name in _CONVERSE:
        _read_converse(answer, content)
    else:  # an event of a model that is not Anthropic's, in a frame of `invoke`
        for name in _CONVERSE:
            _read_converse(answer, _dict(content.get(name)))
        for name in ("generation", "outputText", "completion"):
            answer.add((TEXT,), TEXT, content.get(name))


def _block_delta(answer: _Answer, content: Mapping[str, Any]) -> None:
    key, delta = (_index(content, "index"),), _dict(content.get("delta"))
    for name, kind in (("text", TEXT), ("thinking", THINKING), ("partial_json", TOOL_CALL)):
        answer.add(key, kind, delta.get(name))


def _read_chunk(answer: _Answer, chunk: Mapping[str, Any]) -> None:
    """Read a chunk of OpenAI's chat or legacy completions."""
    choices = chunk["choices"]
    for choice in map(_dict, choices if isinstance(choices, list) else []):
        index, delta = _index(choice, "index"), _dict(choice.get("delta"))
        answer.add((index, TEXT), TEXT, choice.get("text"))
        for name, kind in _DELTAS.items():
            answer.add((index, kind), kind, delta.get(name))
        calls = delta.get("tool_calls")
        for call in map(_dict, calls if isinstance(calls, list) else []):
            function = _dict(call.get("function"))
            key = (index, TOOL_CALL, _index(call, "index"))
            answer.add(key, TOOL_CALL, function.get("arguments", ""), function.get("name", ""))


_DELTAS = {"reasoning_content": THINKING, "reasoning": THINKING, "content": TEXT, "refusal": REFUSAL}


_CONVERSE = ("contentBlockStart", "contentBlockDelta")


def _read_converse(answer: _Answer, content: Mapping[str, Any]) -> None:
    key = (_index(content, "contentBlockIndex"),)
    if use := _dict(_dict(content.get("start")).get("toolUse")):
        answer.add(key, TOOL_CALL, "", use.get("name"))
    delta = _dict(content.get("delta"))
    answer.add(key, TEXT, delta.get("text"))
    answer.add(key, TOOL_CALL, _dict(delta.get("toolUse")).get("input"))
    answer.add(key, THINKING, _dict(delta.get("reasoningContent")).get("text"))


def _item_delta(kind: str) -> Callable[[_Answer, Mapping[str, Any]], None]:
    def read(answer: _Answer, content: Mapping[str, Any]) -> None:
        key = (_index(content, "output_index"), kind if kind in (TEXT, REFUSAL) else "")
        answer.add(key, kind, content.get("delta"))

    return read


def _item_added(answer: _Answer, content: Mapping[str, Any]) -> None:
    item = _dict(content.get("item"))
    if item.get("type") != "message":
        answer.begin((_index(content, "output_index"), ""), item)


_BY_TYPE: dict[str, Callable[[_Answer, Mapping[str, Any]], None]] = {
    "content_block_start": lambda answer, content: answer.begin(
        (_index(content, "index"),), content.get("content_block")
    ),
    "content_block_delta": _block_delta,
    "response.output_item.added": _item_added,
    "response.output_text.delta": _item_delta(TEXT),
    "response.refusal.delta": _item_delta(REFUSAL),
    "response.reasoning_text.delta": _item_delta(THINKING),
    "response.reasoning_summary_text.delta": _item_delta(THINKING),
    "response.function_call_arguments.delta": _item_delta(TOOL_CALL),
    "response.custom_tool_call_input.delta": _item_delta(TOOL_CALL),
}
"""Functions that read an event, by its `type`, which the events of Anthropic and of the Responses API have."""


def _index(content: Mapping[str, Any], name: str) -> int:
    value = content.get(name)
    return value if isinstance(value, int) else 0


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
