"""Read and write OpenAI's Responses API.

Format: https://platform.openai.com/docs/api-reference/responses and …/responses-streaming.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from addons.llm.denial import Denial
from addons.llm.parsing.sse import Event, kind_of
from addons.llm.providers.base import error_type
from addons.llm.request import LLMRequest, length, messages_of, output_limit, read_request, text_of
from addons.llm.usage import Estimate, Usage, details, inclusive_usage, objects, text
from addons.llm.usage_fields import named, openai, read

_DELTA_TEXT = re.compile(rb'"delta": ?"((?:[^"\\]++|\\.)*+)"')
CREATED = "response.created"
FINAL = frozenset({"response.completed", "response.incomplete", "response.failed"})


class ResponsesMeter:
    def __init__(self) -> None:
        self.model = ""
        self.complete = False
        self.error = ""
        self.text_bytes = 0
        self._response: Mapping[str, Any] = {}

    @property
    def finished(self) -> bool:
        return self.complete

    def read(self, event: Event) -> bool:
        kind = kind_of(event)
        if kind.endswith(".delta"):
            if match := _DELTA_TEXT.search(event.data):
                self.text_bytes += len(match[1])
        elif kind in FINAL or kind in (CREATED, "error"):
            try:
                content = orjson.loads(event.data)
            except orjson.JSONDecodeError:
                return True
            if isinstance(content, dict):
                self.read_content(kind, content)
        return True

    def read_content(self, name: str, content: Mapping[str, Any]) -> None:
        """Read an event whose data has been parsed already."""
        if name.endswith(".delta"):
            delta = content.get("delta")
            self.text_bytes += len(delta.encode(errors="replace")) if isinstance(delta, str) else 0
            return
        if name == "error":
            self.error = error_name(content)
            return
        response = details(content, "response")
        self.model = text(response.get("model")) or self.model
        if name in FINAL:
            self.complete = True
            self._response = response
            self.error = self.error or error_type(response)

    def usage(self, estimate: Estimate) -> Usage:
        return _usage(self._response, estimate.seen(self.text_bytes))


class Responses:
    family = "openai"
    filing: frozenset[str] = frozenset()  # the answer repeats such fields, so it depends on all of them

    def request(self, body: Mapping[str, Any], model: str) -> LLMRequest:
        given = body.get("input")
        user = length(given) if isinstance(given, str) else sum(map(length, messages_of(body, ("user",), "input")))
        system = [text_of(body.get("instructions")), *messages_of(body, ("system", "developer"), "input")]
        is_prewarm = body.get("generate") is False
        limit = 0 if is_prewarm else output_limit(body, "max_output_tokens")
        request = read_request(body, "\n".join(filter(None, system)), user, limit, model)
        return replace(request, prewarm=True) if is_prewarm else request

    def stream_options(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        return None

    def usage(self, answer: Mapping[str, Any], estimate: Estimate) -> Usage:
        """Return the usage of a whole answer.

        An answer in the background (`status: queued`) reports no usage yet, and the request that fetches it later is
        not metered. So all of its usage is estimated.
        """
        return _usage(answer, estimate)

    def meter(self, hide_usage: bool) -> ResponsesMeter:
        return ResponsesMeter()

    def error_body(self, denial: Denial) -> dict[str, Any]:
        return denial.openai_body()


class Compact(Responses):
    """Read a compaction: the model sums up what was said before. Its bodies have the members of a response."""


def error_name(event: Mapping[str, Any]) -> str:
    """Return the type of an `error` event: on a WebSocket it is in a nested object, in a stream it is a bare code."""
    return error_type(event) or error_type({"error": {"code": event.get("code")}}) or "error"


def _usage(response: Mapping[str, Any], estimate: Estimate) -> Usage:
    """Return the usage of the model, and that of the tools which the provider runs for it."""
    usage = inclusive_usage(
        read(response.get("usage"), openai.USAGE), estimate, service_tier=text(response.get("service_tier"))
    )
    calls = objects(response.get("output"))
    tools = details(response, "tool_usage")
    return _with_tools(usage, response, calls, tools) if tools or any(map(_is_tools, calls)) else usage


def _with_tools(
    usage: Usage, response: Mapping[str, Any], calls: list[dict[str, Any]], tools: Mapping[str, Any]
) -> Usage:
    found = read(tools, openai.TOOLS)
    drawings: list[tuple[str, Any]] = [(_image_model(response), _image_usage(tools))]
    drawings += [(text(details(call, "svg_usage").get("model")), call.get("svg_usage")) for call in calls]
    passes = [(model, inclusive_usage(read(drawn, openai.USAGE), Estimate(0, 0))) for model, drawn in drawings]
    extra = tuple((model, replace(drawn, estimated=False)) for model, drawn in passes if drawn.total_tokens)
    unknown = (f"output[].{kind}" for kind in _WITHOUT_PRICE if any(call.get("type") == kind for call in calls))
    undrawn = ["output[].image_generation_call"] if not extra and any(map(_is_drawing, calls)) else []
    more = (path for _, drawn in extra for path in drawn.unpriced)
    unpriced = (*usage.unpriced, *(f"tool_usage.{path}" for path in found.unpriced), *unknown, *undrawn, *more)
    return replace(
        usage,
        web_searches=found.counts.get("web_searches", sum(map(_is_search, calls))),
        file_searches=sum(call.get("type") == "file_search_call" for call in calls),
        unpriced=named(unpriced),
        extra=extra,
    )


_WITHOUT_PRICE = ("code_interpreter_call", "shell_call")
"""Calls that run in a container, which is billed by the time it lives: https://platform.openai.com/docs/pricing."""


def _is_tools(item: Mapping[str, Any]) -> bool:
    """Tell whether a part of an answer may be a call of a tool with a price of its own."""
    kind = item.get("type")
    return isinstance(kind, str) and kind.endswith("_call") and kind != "function_call"


def _is_search(item: Mapping[str, Any]) -> bool:
    """Return whether an item is a web search with a fee: to open a found page, or to look through it, is free.

    Source: https://platform.openai.com/docs/guides/tools-web-search.
    """
    return item.get("type") == "web_search_call" and details(item, "action").get("type", "search") == "search"


def _is_drawing(item: Mapping[str, Any]) -> bool:
    return item.get("type") == "image_generation_call" and item.get("status") != "failed"


def _image_usage(tools: Mapping[str, Any]) -> dict[str, Any]:
    """Return the usage of the image tool. "Output token details … can be omitted": the output is then an image."""
    usage = details(tools, "image_gen")
    return {
        **usage,
        "output_tokens_details": usage.get("output_tokens_details") or {"image_tokens": usage.get("output_tokens")},
    }


def _image_model(response: Mapping[str, Any]) -> str:
    """Return the model that draws, which the answer repeats with the request's tools."""
    tools = (tool for tool in objects(response.get("tools")) if tool.get("type") == "image_generation")
    return text(next(tools, {}).get("model")) or _DRAWS


_DRAWS = "gpt-image-2.6-sunburst"
"""The model of an image tool that names none: types/responses/tool.py of openai's SDK, ImageGeneration.model."""


RESPONSES = Responses()
COMPACT = Compact()
