"""Read and write Anthropic's legacy text completions. They report no usage, so it is estimated, and marked.

Format: https://platform.claude.com/docs/en/api/completions/create and …/build-with-claude/streaming.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from addons.llm.denial import Denial
from addons.llm.parsing.sse import Event, kind_of
from addons.llm.providers.base import error_type
from addons.llm.request import LLMRequest, output_limit, read_request
from addons.llm.usage import Estimate, Usage, text

_TEXT = re.compile(rb'"completion": ?"((?:[^"\\]++|\\.)*+)"')
_HAS_STOPPED = re.compile(rb'"stop_reason"\s*+:\s*+"')


class TextCompletionMeter:
    def __init__(self) -> None:
        self.model = ""
        self.complete = False
        self.error = ""
        self.text_bytes = 0

    @property
    def finished(self) -> bool:
        return self.complete

    def read(self, event: Event) -> bool:
        kind = kind_of(event)
        if kind == "completion":
            if match := _TEXT.search(event.data):
                self.text_bytes += len(match[1])
            # The text cannot match: its quotes are escaped.
            self.complete = self.complete or _HAS_STOPPED.search(event.data) is not None
        if kind == "error" or (not self.model and kind == "completion"):
            self._read_json(event.data)
        return True

    def _read_json(self, data: bytes) -> None:
        try:
            content = orjson.loads(data)
        except orjson.JSONDecodeError:
            return
        if not isinstance(content, dict):
            return
        self.model = text(content.get("model")) or self.model
        if content.get("error"):
            self.error = error_type(content) or "error"

    def usage(self, estimate: Estimate) -> Usage:
        return estimate.seen(self.text_bytes).usage()


class TextCompletion:
    family = "anthropic"
    filing = frozenset({"metadata"})

    def request(self, body: Mapping[str, Any], model: str) -> LLMRequest:
        prompt = body.get("prompt")
        user = len(prompt) if isinstance(prompt, str) else 0
        return read_request(body, "", user, output_limit(body, "max_tokens_to_sample"), model)

    def stream_options(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        return None

    def usage(self, answer: Mapping[str, Any], estimate: Estimate) -> Usage:
        return estimate.usage()

    def meter(self, hide_usage: bool) -> TextCompletionMeter:
        return TextCompletionMeter()

    def error_body(self, denial: Denial) -> dict[str, Any]:
        return denial.anthropic_body()


TEXT_COMPLETION = TextCompletion()
