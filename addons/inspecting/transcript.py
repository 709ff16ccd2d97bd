"""Write a request or an answer as people read it: who said what, with thinking and tool calls apart from the text.

The code goes by the shape of the fields and not by the provider, so it can also read a saved flow. It leaves out no
field of a message: it shows what it does not know as JSON. No JSON makes it raise anything but RecursionError.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import orjson

TEXT = "text"
THINKING = "thinking"
TOOL_CALL = "tool call"
TOOL_RESULT = "tool result"
REFUSAL = "refusal"
ERROR = "error"
OTHER = "other"

WIDTH = 76
"""Characters on a line: as many as mitmweb, which does not wrap lines, shows beside its list on a small screen."""
_MOST_CHARACTERS = 500_000
_MOST_OF_A_PART = 100_000


class Part(NamedTuple):
    kind: str
    text: str
    name: str = ""
    """The name of a tool."""


class Message(NamedTuple):
    role: str
    parts: list[Part]


def of_request(body: Mapping[str, Any]) -> list[Message]:
    messages = [Message("system", parts) for name in ("system", "instructions") if (parts := _parts(body.get(name)))]
    messages += _messages(body.get("messages"), "user")
    messages += _messages(body.get("input"), "user")
    if prompt := _parts(body.get("prompt")):
        messages.append(Message("user", prompt))
    return messages


def of_answer(body: Mapping[str, Any]) -> list[Message]:
    if body.get("error"):
        return [Message(ERROR, [Part(ERROR, _json(body["error"]))])]
    output = body.get("output")
    if isinstance(output, dict):  # converse
        return _messages([output.get("message")], "assistant")
    messages = _messages(output, "assistant")
    if content := _parts(body.get("content")):
        messages.append(Message("assistant", content))
    for choice in _dicts(body.get("choices")):
        message = choice.get("message")
        parts = _message_parts(message) if isinstance(message, dict) else _parts(choice.get("text"))
        messages.append(Message("assistant", parts))
    if vectors := list(_dicts(body.get("data"))):
        sizes = {len(v["embedding"]) for v in vectors if isinstance(v.get("embedding"), list)}
        shown = f"{len(vectors)} embeddings" + (f" of {max(sizes)} numbers" if sizes else "")
        messages.append(Message("assistant", [Part(OTHER, shown)]))
    return messages


def parameters(body: Mapping[str, Any]) -> str:
    """Return in one line what a request asks for, apart from its messages."""
    names = ("model", "max_tokens", "max_completion_tokens", "max_output_tokens", "temperature", "stream")
    shown = [f"{name} {body[name]}"[:300] for name in names if isinstance(body.get(name), str | int | float)]
    if tools := [_tool_name(tool) for tool in _dicts(body.get("tools"))]:
        shown.append("tools " + ", ".join(tools[:50]))
    return " · ".join(shown)


def render(messages: Iterable[Message]) -> str:
    pieces: list[str] = []
    size = 0
    for message in messages:
        pieces.append(f"── {message.role[:60]} ".ljust(WIDTH, "─"))
        for part in message.parts:
            words = ["" if part.kind in (TEXT, OTHER) else part.kind, part.name[:200]]
            label = f"[{text}] " if (text := " ".join(filter(None, words))) else ""
            pieces.append(wrapped(label + _cut(part.text, _MOST_OF_A_PART)))
            size += min(len(part.text), _MOST_OF_A_PART) + 100
        pieces.append("")
        size += 100
        if size > _MOST_CHARACTERS:
            pieces.append("[… the rest is left out here; the raw view has it]")
            break
    return "\n".join(pieces)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}\n[… {len(text) - limit:,} characters more]"


def wrapped(text: str) -> str:
    return "\n".join(piece for line in text.split("\n") for piece in _wrapped_line(line))


def _wrapped_line(line: str) -> Iterator[str]:
    start = 0
    while len(line) - start > WIDTH:
        space = line.rfind(" ", start + 1, start + WIDTH + 1)
        if space < 0:
            space = line.find(" ", start + WIDTH)  # a word longer than a line stays whole
        if space < 0:
            break
        yield line[start:space]
        start = space + 1
    yield line[start:]


def _messages(value: object, role: str) -> list[Message]:
    """Read a list of messages, a list in which only some items are messages, or a bare text."""
    if isinstance(value, str):
        return [Message(role, [Part(TEXT, value)])] if value else []
    found: list[Message] = []
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict) and isinstance(item.get("role"), str):
            found.append(Message(item["role"], _message_parts(item)))
        elif found and found[-1].role == role:
            found[-1].parts.extend(_parts([item]))
        else:
            found.append(Message(role, _parts([item])))
    return found


def _message_parts(message: Mapping[str, Any]) -> list[Part]:
    """Return the parts of a message. OpenAI's messages have other fields with text beside `content`."""
    parts = [Part(THINKING, text) for n in ("reasoning_content", "reasoning") if (text := _string(message.get(n)))]
    is_result = message.get("role") == "tool" or "tool_call_id" in message
    content = _parts(message.get("content"))
    parts += [Part(TOOL_RESULT, part.text) for part in content] if is_result else content
    if refusal := _string(message.get("refusal")):
        parts.append(Part(REFUSAL, refusal))
    for call in _dicts(message.get("tool_calls")):
        function = call.get("function") or call.get("custom")
        parts.append(_call(function) if isinstance(function, dict) else Part(TOOL_CALL, _json(call)))
    return parts


def _parts(content: object) -> list[Part]:
    if isinstance(content, str):
        return [Part(TEXT, content)] if content else []
    if isinstance(content, dict):
        return list(part_of(content))
    parts: list[Part] = []
    for block in content if isinstance(content, list) else []:
        if isinstance(block, dict):
            parts.extend(part_of(block))
        else:
            parts.append(Part(TEXT, block) if isinstance(block, str) else Part(OTHER, _json(block)[:1000]))
    return parts


def part_of(block: Mapping[str, Any]) -> Iterator[Part]:
    """Yield the parts of a content block, or of an item of the Responses API."""
    kind = block.get("type")
    if isinstance(kind, str):
        yield _BLOCKS[kind](block) if kind in _BLOCKS else _other(kind, block)
        return
    for name, value in block.items():  # converse: the one member of a block tells the kind
        if name == "text":
            yield Part(TEXT, _string(value))
        elif reader := _CONVERSE.get(name):
            yield reader(value if isinstance(value, dict) else {})
        else:
            yield _other(name, block)


def _call(block: Mapping[str, Any]) -> Part:
    given = next((block[name] for name in ("input", "arguments", "action") if block.get(name) is not None), "")
    return Part(TOOL_CALL, given if isinstance(given, str) else _json(given), _string(block.get("name")))


def _result(block: Mapping[str, Any]) -> Part:
    value = block.get("content") if "content" in block else block.get("output")
    return Part(TOOL_RESULT, "\n".join(part.text for part in _parts(value)))


def _thinking(block: Mapping[str, Any]) -> Part:
    inner = block.get("reasoningText")
    text = _string(block.get("thinking")) or (_string(inner.get("text")) if isinstance(inner, dict) else "")
    summaries = [*_dicts(block.get("summary")), *_dicts(block.get("content"))]
    return Part(THINKING, text or "\n".join(_string(item.get("text")) for item in summaries) or "(not shown)")


def _other(kind: str, block: Mapping[str, Any]) -> Part:
    if kind.endswith("_tool_result") or kind.endswith("_call_output"):
        return _result(block)
    if kind.endswith("_call"):
        return _call({"name": kind, **block})
    if any(word in kind for word in ("image", "file", "document", "audio", "video")):
        return Part(OTHER, f"{len(_json(block)):,} bytes", kind)  # mostly base64
    return Part(OTHER, _json(block), kind)


_Reader = Callable[[Mapping[str, Any]], Part]
_BLOCKS: dict[str, _Reader] = {
    **dict.fromkeys(("text", "input_text", "output_text"), lambda block: Part(TEXT, _string(block.get("text")))),
    **dict.fromkeys(("thinking", "redacted_thinking", "reasoning"), _thinking),
    **dict.fromkeys(("tool_use", "server_tool_use", "mcp_tool_use", "function_call", "custom_tool_call"), _call),
    **dict.fromkeys(("tool_result", "function_call_output", "custom_tool_call_output"), _result),
    "refusal": lambda block: Part(REFUSAL, _string(block.get("refusal"))),
}
_CONVERSE: dict[str, _Reader] = {"toolUse": _call, "toolResult": _result, "reasoningContent": _thinking}


def _tool_name(tool: Mapping[str, Any]) -> str:
    function = tool.get("function")
    named = function if isinstance(function, dict) else tool
    return (_string(named.get("name")) or _string(tool.get("type")) or "?")[:100]


def _dicts(value: object) -> Iterator[dict[str, Any]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _json(value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # too deep, or half of a surrogate pair
        return "(cannot be shown)"
