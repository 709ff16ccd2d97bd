"""Read and write Anthropic's Messages API.

Format: https://docs.anthropic.com/en/api/messages and …/build-with-claude/streaming.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from addons.llm.parsing.sse import Event
from addons.llm.providers.base import Endpoints, Provider, error_type, join
from addons.llm.request import LLMRequest, messages_of, output_limit, read_request, text_of
from addons.llm.usage import NOTHING, Estimate, Usage, count, details, merge, text, tokens_of

_DELTA_TEXT = re.compile(rb'"(?:text|thinking|partial_json)": ?"((?:[^"\\]++|\\.)*+)"')
_WITHOUT_USAGE = frozenset({"ping", "content_block_start", "content_block_stop"})


class AnthropicMeter:
    def __init__(self) -> None:
        self.model = ""
        self.complete = False
        self.error = ""
        self.text_bytes = 0
        self._usage: dict[str, Any] = {}
        self._has_final_output = False

    def read(self, event: Event) -> bool:
        if event.name == "content_block_delta":
            if match := _DELTA_TEXT.search(event.data):
                self.text_bytes += len(match[1])
        elif event.name not in _WITHOUT_USAGE and event.data:
            self._read_json(event.data)
        return True

    def _read_json(self, data: bytes) -> None:
        try:
            content = orjson.loads(data)
        except orjson.JSONDecodeError:
            return
        kind = content.get("type") if isinstance(content, dict) else None
        if kind == "message_start":
            message = details(content, "message")
            self.model = text(message.get("model"))
            merge(self._usage, message.get("usage"))
        elif kind == "message_delta":
            # These counts are cumulative, so they replace those of message_start; fields that are missing here stay.
            merge(self._usage, content.get("usage"))
            self._has_final_output = count(details(content, "usage"), "output_tokens") is not None
        elif kind == "message_stop":
            self.complete = True
        elif kind == "error":
            self.error = error_type(content) or "error"

    def usage(self, estimate: Estimate) -> Usage:
        reported = dict(self._usage)
        if not self._has_final_output:
            # message_start only counts the first tokens; the text that came after them is estimated.
            so_far = count(reported, "output_tokens") or 0
            reported["output_tokens"] = None
            estimate = estimate._replace(output_tokens=max(so_far, tokens_of(self.text_bytes)))
        return usage_of(reported, estimate)


class Messages:
    family = "anthropic"
    filing = frozenset({"metadata"})

    def request(self, body: Mapping[str, Any], model: str, stream: bool | None = None) -> LLMRequest:
        system = text_of(body.get("system"))
        user = sum(map(len, messages_of(body, ("user",))))
        return read_request(body, system, user, output_limit(body, "max_tokens"), model, stream)

    def stream_options(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        return None

    def usage(self, answer: Mapping[str, Any], estimate: Estimate) -> Usage:
        return usage_of(details(answer, "usage"), estimate)

    def meter(self, hide_usage: bool) -> AnthropicMeter:
        return AnthropicMeter()

    def error_body(self, kind: str, message: str) -> dict[str, Any]:
        return {"type": "error", "error": {"type": kind, "message": message}}


def usage_of(usage: Mapping[str, Any], estimate: Estimate) -> Usage:
    """Return the usage that Anthropic reports.

    Its `input_tokens` exclude cache reads and cache writes. Writes last 5 minutes where it does not say otherwise.
    """
    reported_input, reported_output = count(usage, "input_tokens"), count(usage, "output_tokens")
    creation = details(usage, "cache_creation")
    write_1h = count(creation, "ephemeral_1h_input_tokens") or 0
    write_both = write_1h + (count(creation, "ephemeral_5m_input_tokens") or 0)
    whole = Usage(
        input_tokens=estimate.input_tokens if reported_input is None else reported_input,
        output_tokens=estimate.output_tokens if reported_output is None else reported_output,
        cache_read_tokens=count(usage, "cache_read_input_tokens") or 0,
        cache_write_tokens=max(count(usage, "cache_creation_input_tokens") or 0, write_both),
        cache_write_1h_tokens=write_1h,
        service_tier=text(usage.get("service_tier")),
        speed=text(usage.get("speed")),
        web_searches=count(details(usage, "server_tool_use"), "web_search_requests") or 0,
        estimated=reported_input is None or reported_output is None,
    )
    passes = _passes(usage)
    return replace(NOTHING, web_searches=whole.web_searches, extra=passes) if passes else whole


def _passes(usage: Mapping[str, Any]) -> tuple[tuple[str, Usage], ...]:
    """Return the passes that an answer took (beta `iterations`): the model, "" for the answer's own, and its usage.

    The result is empty unless the totals leave a pass out, or count it for the wrong model: a compaction, the message
    of an advisor, that of a fallback. The tier holds for all passes, the speed only for the answer's own model.
    """
    iterations = usage.get("iterations")
    found = [item for item in iterations if isinstance(item, dict)] if isinstance(iterations, list) else []
    if all(item.get("type") == "message" for item in found) and len({text(item.get("model")) for item in found}) < 2:
        return ()
    shared = {"iterations": None, "server_tool_use": None, "service_tier": usage.get("service_tier")}
    passes = []
    for item in found:
        model = text(item.get("model"))
        speed = None if model else usage.get("speed")
        passes.append((model, usage_of({**item, **shared, "speed": speed}, Estimate(0, 0))))
    return tuple(passes)


def _url(endpoints: Endpoints, path: str, query: str, model: str) -> str:
    return join(endpoints.anthropic, path, query)


MESSAGES = Messages()
ANTHROPIC = Provider("anthropic", "anthropic", "", {"/v1/messages": MESSAGES}, _url)
