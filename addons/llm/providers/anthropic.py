"""Read and write Anthropic's Messages API.

Format: https://docs.anthropic.com/en/api/messages and …/build-with-claude/streaming.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from addons.llm.denial import Denial
from addons.llm.parsing.sse import Event, kind_of
from addons.llm.paths.anthropic import PATHS
from addons.llm.providers.base import Endpoints, Provider, error_type, join
from addons.llm.providers.openai import CHAT_COMPLETIONS
from addons.llm.providers.text_completion import TEXT_COMPLETION
from addons.llm.request import LLMRequest, length, messages_of, output_limit, read_request, text_of
from addons.llm.residency import is_known
from addons.llm.usage import NOTHING, Estimate, Usage, details, merge, objects, text, tokens_of
from addons.llm.usage_fields import anthropic, named, read

_DELTA_TEXT = re.compile(rb'"(?:text|thinking|partial_json)": ?"((?:[^"\\]++|\\.)*+)"')
_WITHOUT_USAGE = frozenset({"ping", "content_block_start", "content_block_stop"})


class AnthropicMeter:
    def __init__(self) -> None:
        self.model = ""
        self.complete = False
        self.finished = False
        self.error = ""
        self.text_bytes = 0
        self._usage: dict[str, Any] = {}
        self._has_final_output = False

    def read(self, event: Event) -> bool:
        kind = kind_of(event)
        if kind == "content_block_delta":
            if match := _DELTA_TEXT.search(event.data):
                self.text_bytes += len(match[1])
        elif kind not in _WITHOUT_USAGE and event.data:
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
        elif kind == "message_delta" or kind == "message_stop":
            self.finished = True
            # These counts are cumulative, so they replace those of message_start; fields that are missing here stay.
            reported = details(content, "usage")
            if not self._has_final_output and type(reported.get("output_tokens")) is int:
                self._usage.pop("output_tokens", None)  # message_start's is the first of the output, or a guess
                self._has_final_output = True
            merge(self._usage, reported)
            self.complete = kind == "message_stop"
        elif kind == "error":
            self.error = error_type(content) or "error"

    def usage(self, estimate: Estimate) -> Usage:
        reported = dict(self._usage)
        if not self._has_final_output:
            # message_start only counts the first tokens; the text that came after them is estimated.
            so_far = read(reported, anthropic.USAGE).counts.get("output_tokens", 0)
            reported["output_tokens"] = None
            estimate = estimate._replace(output_tokens=max(estimate.output_tokens, so_far, tokens_of(self.text_bytes)))
        return usage_of(reported, estimate)


class Messages:
    family = "anthropic"
    filing = frozenset({"metadata"})

    def request(self, body: Mapping[str, Any], model: str, stream: bool | None = None) -> LLMRequest:
        system = text_of(body.get("system"))
        user = sum(map(length, messages_of(body, ("user",))))
        return read_request(body, system, user, output_limit(body, "max_tokens"), model, stream)

    def stream_options(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        return None

    def usage(self, answer: Mapping[str, Any], estimate: Estimate) -> Usage:
        return usage_of(details(answer, "usage"), estimate)

    def meter(self, hide_usage: bool) -> AnthropicMeter:
        return AnthropicMeter()

    def error_body(self, denial: Denial) -> dict[str, Any]:
        return denial.anthropic_body()


def usage_of(usage: Mapping[str, Any], estimate: Estimate) -> Usage:
    """Return the usage that Anthropic reports.

    Its `input_tokens` exclude cache reads and cache writes. Writes last 5 minutes where it does not say otherwise.
    """
    found = read(usage, anthropic.USAGE)
    counts = found.counts
    write_1h = counts.get("cache_write_1h_tokens", 0)
    write_both = write_1h + counts.get("cache_write_5m_tokens", 0)
    place = text(usage.get("inference_geo"))
    output = counts.get("output_tokens", estimate.output_tokens)
    whole = Usage(
        input_tokens=counts.get("input_tokens", estimate.input_tokens),
        output_tokens=output,
        cache_read_tokens=counts.get("cache_read_tokens", 0),
        cache_write_tokens=max(counts.get("cache_write_tokens", 0), write_both),
        cache_write_1h_tokens=write_1h,
        reasoning_tokens=min(counts.get("reasoning_tokens", 0), output),
        service_tier=text(usage.get("service_tier")),
        speed=text(usage.get("speed")),
        web_searches=counts.get("web_searches", 0),
        residency=place,
        unpriced=found.unpriced if is_known(place) else (*found.unpriced, "inference_geo"),
        estimated="input_tokens" not in counts or "output_tokens" not in counts,
    )
    if usage.get("iterations"):
        unknown = (path for item in objects(usage["iterations"]) for path in read(item, anthropic.USAGE).unpriced)
        whole = replace(whole, unpriced=named((*whole.unpriced, *(f"iterations[].{path}" for path in unknown))))
    if passes := _passes(usage):
        # The searches are those of all passes, and so is what nobody knows the price of.
        return replace(NOTHING, web_searches=whole.web_searches, unpriced=whole.unpriced, extra=passes)
    return whole


def _passes(usage: Mapping[str, Any]) -> tuple[tuple[str, Usage], ...]:
    """Return the passes that an answer took (beta `iterations`): the model, "" for the answer's own, and its usage.

    The result is empty unless the totals leave a pass out, or count it for the wrong model: a compaction, the message
    of an advisor, that of a fallback. The tier and the place hold for all passes, the speed only for the answer's own
    model.
    """
    iterations = usage.get("iterations")
    found = objects(iterations)
    if all(item.get("type") == "message" for item in found) and len({text(item.get("model")) for item in found}) < 2:
        return ()
    shared = {"iterations": None, "server_tool_use": None}
    shared |= {name: usage.get(name) for name in ("service_tier", "inference_geo")}
    passes = []
    for item in found:
        model = text(item.get("model"))
        speed = None if model else usage.get("speed")
        one = usage_of({**item, **shared, "speed": speed}, Estimate(0, 0))
        passes.append((model, replace(one, unpriced=())))  # named with the whole
    return tuple(passes)


def _url(endpoints: Endpoints, path: str, query: str, model: str) -> str:
    return join(endpoints.anthropic, path, query)


MESSAGES = Messages()
ANTHROPIC = Provider(
    "anthropic",
    "anthropic",
    "",
    {
        "/v1/messages": MESSAGES,
        "/v1/complete": TEXT_COMPLETION,
        "/v1/chat/completions": CHAT_COMPLETIONS,  # https://platform.claude.com/docs/en/api/openai-sdk
    },
    _url,
    PATHS,
)
