"""Read and write Bedrock's runtime API. Its paths name the model.

`invoke` has the format of the model that it calls, `converse` has one format for all models.

Format: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from addons.llm.denial import Denial
from addons.llm.parsing.sse import Event
from addons.llm.providers.anthropic import AnthropicMeter, Messages
from addons.llm.request import LLMRequest, characters, output_limit
from addons.llm.usage import Estimate, Usage, details, merge, objects
from addons.llm.usage_fields import bedrock, named, read

_ANTHROPICS_NAMES = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_tokens": "cache_read_input_tokens",
    "cache_write_tokens": "cache_creation_input_tokens",
}

# The fields that limit an answer, of Claude, of its older form, Mistral, Llama, AI21, Nova and Titan; the last two have
# them in an object. Source: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html.
_LIMITS = ("max_tokens", "max_tokens_to_sample", "max_gen_len", "maxTokens", "max_new_tokens", "maxTokenCount")
_OBJECTS_WITH_LIMITS = ("inferenceConfig", "textGenerationConfig")

_DELTA_TEXT = re.compile(rb'"(?:text|input)": ?"((?:[^"\\]++|\\.)*+)"')


class InvokeMeter(AnthropicMeter):
    """Read a stream of `invoke`: its frames hold the model's events in base64.

    The last frame reports the usage, whatever the model.
    """

    _unpriced: tuple[str, ...] = ()

    def read(self, event: Event) -> bool:
        if event.name == "exception":
            self.error = _exception(event)
            return True
        try:
            inner = base64.b64decode(orjson.loads(event.data)["bytes"])
            content = orjson.loads(inner)
            kind = content.get("type") or ""
        except (ValueError, KeyError, TypeError, AttributeError):
            return True
        if metrics := details(content, "amazon-bedrock-invocationMetrics"):
            self._read_metrics(metrics)
        if not kind:
            self.text_bytes += characters(content)  # an event of a model that is not Anthropic's
            self.finished = self.finished or bool(content.get("stop_reason") or "messageStop" in content)
        done = self.complete
        super().read(Event(kind if isinstance(kind, str) else "", inner, b""))
        self.complete = done  # message_stop may come before, or with, the metrics
        return True

    def _read_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Add the metrics to what the model reported: for some models, only they count the cache's tokens."""
        found = read(metrics, bedrock.METRICS)
        merge(self._usage, {_ANTHROPICS_NAMES[name]: number for name, number in found.counts.items()})
        self._unpriced = found.unpriced
        self._has_final_output = self._has_final_output or "output_tokens" in found.counts
        self.complete = True

    def usage(self, estimate: Estimate) -> Usage:
        usage = super().usage(estimate)
        return replace(usage, unpriced=usage.unpriced + self._unpriced) if self._unpriced else usage


class ConverseMeter:
    def __init__(self) -> None:
        self.model = ""
        self.complete = False
        self.finished = False
        self.error = ""
        self.text_bytes = 0
        self._usage: Mapping[str, Any] = {}

    def read(self, event: Event) -> bool:
        if event.name == "contentBlockDelta":
            if match := _DELTA_TEXT.search(event.data):
                self.text_bytes += len(match[1])
        elif event.name == "messageStop":
            self.finished = True
        elif event.name == "metadata":
            try:
                self._usage = details(orjson.loads(event.data), "usage")
            except (ValueError, AttributeError):
                return True
            self.complete = True
        elif event.name == "exception":
            self.error = _exception(event)
        return True

    def usage(self, estimate: Estimate) -> Usage:
        return _converse_usage(self._usage, estimate.seen(self.text_bytes))


class Invoke(Messages):
    """Read the bodies of `invoke` as Anthropic's.

    They have the format of the model that is called. For the usage of other models see `with_headers`.
    """

    def __init__(self, stream: bool) -> None:
        self._stream = stream

    def request(self, body: Mapping[str, Any], model: str, stream: bool | None = None) -> LLMRequest:
        found = (output_limit(details(body, name), *_LIMITS) for name in _OBJECTS_WITH_LIMITS)
        limit = output_limit(body, *_LIMITS) or next(filter(None, found), None)
        return super().request({**body, "max_tokens": limit}, model, self._stream)

    def meter(self, hide_usage: bool) -> AnthropicMeter:
        return InvokeMeter()

    def error_body(self, denial: Denial) -> dict[str, Any]:
        return _for_boto(super().error_body(denial))


class Converse(Messages):
    def __init__(self, stream: bool) -> None:
        self._stream = stream

    def request(self, body: Mapping[str, Any], model: str, stream: bool | None = None) -> LLMRequest:
        limits = {"max_tokens": details(body, "inferenceConfig").get("maxTokens"), "system": body.get("system")}
        return super().request({**body, **limits}, model, self._stream)

    def usage(self, answer: Mapping[str, Any], estimate: Estimate) -> Usage:
        return _converse_usage(details(answer, "usage"), estimate)

    def meter(self, hide_usage: bool) -> ConverseMeter:  # type: ignore[override]
        return ConverseMeter()

    def error_body(self, denial: Denial) -> dict[str, Any]:
        return _for_boto(super().error_body(denial))


def _for_boto(body: dict[str, Any]) -> dict[str, Any]:
    """Return an error body with the fields that AWS's SDKs read, beside those that Anthropic's SDK reads."""
    return {**body, "__type": body["error"]["type"], "message": body["error"]["message"]}


USAGE_HEADER = "x-amzn-bedrock-input-token-count"


def with_headers(usage: Usage, headers: Mapping[str, str]) -> Usage:
    """Return the usage with what the headers of an `invoke` answer add to it.

    The bodies of some models report no usage, or none of the cache's tokens. An embedding has no output.
    """

    def reported(what: str) -> int | None:
        text = headers.get(f"x-amzn-bedrock-{what}-token-count", "")
        return int(text) if text.isdecimal() and len(text) < 16 else None

    inputs = reported("input")
    if inputs is None:
        return usage
    cached: dict[str, Any] = {
        "cache_read_tokens": max(reported("cache-read-input") or 0, usage.cache_read_tokens),
        "cache_write_tokens": max(reported("cache-write-input") or 0, usage.cache_write_tokens),
    }
    if not usage.estimated:
        return replace(usage, **cached)
    return Usage(input_tokens=inputs, output_tokens=reported("output") or 0, **cached)


_TIMES_KEPT = (None, "5m", "1h")
"""For how long cache writes with a known price are kept; five minutes where it is not said."""


def _converse_usage(usage: Mapping[str, Any], estimate: Estimate) -> Usage:
    """Return the usage that `converse` reports. Its `inputTokens` exclude cache reads and cache writes."""
    found = read(usage, bedrock.CONVERSE)
    counts = found.counts
    kept = [(detail.get("ttl"), read(detail, bedrock.CONVERSE)) for detail in objects(usage.get("cacheDetails"))]
    writes = [(ttl, detail.counts.get("input_tokens", 0)) for ttl, detail in kept]
    write_1h = sum(tokens for ttl, tokens in writes if ttl == "1h")
    unknown = [f"cacheDetails[].{path}" for _, detail in kept for path in detail.unpriced]
    unknown += ["cacheDetails[].ttl"] if any(tokens and ttl not in _TIMES_KEPT for ttl, tokens in writes) else []
    return Usage(
        input_tokens=counts.get("input_tokens", estimate.input_tokens),
        output_tokens=counts.get("output_tokens", estimate.output_tokens),
        cache_read_tokens=counts.get("cache_read_tokens", 0),
        cache_write_tokens=max(counts.get("cache_write_tokens", 0), sum(tokens for _, tokens in writes)),
        cache_write_1h_tokens=write_1h,
        unpriced=named((*found.unpriced, *unknown)) if unknown else found.unpriced,
        estimated="input_tokens" not in counts or "output_tokens" not in counts,
    )


def _exception(event: Event) -> str:
    name = event.data.decode(errors="replace")
    return name if name.isalnum() and len(name) <= 64 else "error"


INVOKE, INVOKE_STREAM = Invoke(stream=False), Invoke(stream=True)
CONVERSE, CONVERSE_STREAM = Converse(stream=False), Converse(stream=True)
