"""Read and write OpenAI's chat completions, legacy completions and embeddings.

Format: https://platform.openai.com/docs/api-reference.

The Responses API is in `responses.py`.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from addons.llm.denial import Denial
from addons.llm.parsing.sse import Event
from addons.llm.paths.openai import PATHS
from addons.llm.providers.base import Endpoints, Provider, error_type, join
from addons.llm.providers.responses import COMPACT, RESPONSES
from addons.llm.request import LLMRequest, choices_of, length, messages_of, output_limit, read_request
from addons.llm.sizes import Size, size_of
from addons.llm.usage import CHARACTERS_PER_TOKEN, Estimate, Usage, details, inclusive_usage, merge, objects, text
from addons.llm.usage_fields import openai, read

_DELTA_TEXT = re.compile(rb'"(?:content|arguments|refusal|reasoning_content|text)": ?"((?:[^"\\]++|\\.)*+)"')
_MODEL = re.compile(rb'"model": ?"([^"\\]{1,256})"')
# Text of the answer cannot match these: quotes in a JSON string are escaped.
_CITATION = b'"url_citation"'
_HAS_FINISHED = re.compile(rb'"finish_reason"\s*+:\s*+"')
_HAS_USAGE_OR_ERROR = re.compile(rb'"(?:usage"\s*+:\s*+\{|error"\s*+:\s*+[{"])')


class OpenAIMeter:
    def __init__(self, hide_usage: bool) -> None:
        self.model = ""
        self.complete = False
        self.finished = False
        self.error = ""
        self.text_bytes = 0
        self._hide_usage = hide_usage
        self._usage: dict[str, Any] = {}
        self._service_tier = ""
        self._has_citation = False

    def read(self, event: Event) -> bool:
        data = event.data
        if data == b"[DONE]":
            self.complete = True
            return True
        if not self.model and (named := _MODEL.search(data)):
            self.model = named[1].decode(errors="replace")
        for match in _DELTA_TEXT.finditer(data):
            self.text_bytes += len(match[1])
        self._has_citation = self._has_citation or _CITATION in data
        if not self.finished and _HAS_FINISHED.search(data):
            self.finished = True
        return not _HAS_USAGE_OR_ERROR.search(data) or self._read_json(data)

    def _read_json(self, data: bytes) -> bool:
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError:
            return True
        if not isinstance(chunk, dict):
            return True
        if chunk.get("error"):
            self.error = error_type(chunk) or "error"
        self._service_tier = text(chunk.get("service_tier")) or self._service_tier
        merge(self._usage, chunk.get("usage"))
        return not (self._hide_usage and chunk.get("usage") and chunk.get("choices") == [])

    def usage(self, estimate: Estimate) -> Usage:
        return inclusive_usage(
            read(self._usage, openai.USAGE),
            estimate.seen(self.text_bytes),
            service_tier=self._service_tier,
            web_searches=int(self._has_citation and _searches(self.model)),
        )


class ChatCompletions:
    family = "openai"
    filing = frozenset({"user", "safety_identifier", "prompt_cache_key"})  # OpenAI stores `metadata` with the answer

    def request(self, body: Mapping[str, Any], model: str) -> LLMRequest:
        system = "\n".join(messages_of(body, ("system", "developer")))
        user = sum(map(length, messages_of(body, ("user",))))
        limit = output_limit(body, "max_completion_tokens", "max_tokens")
        return read_request(body, system, user, limit, model, choices=choices_of(body, "n"))

    def stream_options(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        options = body.get("stream_options")
        if not isinstance(options, dict):
            return {"include_usage": True} if options is None else None
        return None if options.get("include_usage") is True else {**options, "include_usage": True}

    def usage(self, answer: Mapping[str, Any], estimate: Estimate) -> Usage:
        return inclusive_usage(
            read(answer.get("usage"), openai.USAGE),
            estimate,
            service_tier=text(answer.get("service_tier")),
            web_searches=int(_searches(text(answer.get("model"))) and _has_citation(answer)),
        )

    def meter(self, hide_usage: bool) -> OpenAIMeter:
        return OpenAIMeter(hide_usage)

    def error_body(self, denial: Denial) -> dict[str, Any]:
        return denial.openai_body()


class Completions(ChatCompletions):
    """Read the legacy completions: a request has a `prompt`, an answer `choices[].text`; the usage is as in chat."""

    def request(self, body: Mapping[str, Any], model: str) -> LLMRequest:
        """Return what a body asks for: for each prompt, the best `n` of `best_of` answers, all of which are billed."""
        size, user = _sizes(body, "prompt")
        choices = choices_of(body, "n", "best_of") * _number_of_prompts(body.get("prompt"))
        return read_request(body, "", user, output_limit(body, "max_tokens"), model, choices=choices, size=size)


class Embeddings(ChatCompletions):
    def request(self, body: Mapping[str, Any], model: str) -> LLMRequest:
        size, user = _sizes(body, "input")
        return read_request(body, "", user, 0, model, False, size=size)

    def usage(self, answer: Mapping[str, Any], estimate: Estimate) -> Usage:
        """Return the usage of an embedding, which has no output: its `total_tokens` would be its input."""
        reported = {"completion_tokens": 0, **details(answer, "usage")}
        return inclusive_usage(read(reported, openai.USAGE), estimate._replace(output_tokens=0))


def _searches(model: str) -> bool:
    """Tell whether a model searches the web for each request that needs it.

    Only a citation shows that it did, and that its fee is due:
    https://platform.openai.com/docs/guides/tools-web-search?api-mode=chat.
    """
    return "-search-" in model


def _has_citation(answer: Mapping[str, Any]) -> bool:
    messages = (details(choice, "message") for choice in objects(answer.get("choices")))
    return any(note.get("type") == "url_citation" for m in messages for note in objects(m.get("annotations")))


def _sizes(body: Mapping[str, Any], name: str) -> tuple[Size, int]:
    """Return the size of a body, and the characters of its prompt, which is the member of this name.

    A prompt is a text, a list of texts, a list of token ids, or a list of such lists. A token counts as its usual
    characters.
    """
    given = body.get(name)
    prompt = size_of({name: given})
    rest = size_of({other: value for other, value in body.items() if other != name})
    texts = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    of_texts = sum(length(text) for text in texts if isinstance(text, str))
    return prompt.plus(rest), of_texts + prompt.other_tokens * CHARACTERS_PER_TOKEN


def _number_of_prompts(prompt: object) -> int:
    return len(prompt) if isinstance(prompt, list) and prompt and not isinstance(prompt[0], int) else 1


def _url(endpoints: Endpoints, path: str, query: str, model: str) -> str:
    return join(endpoints.openai, path, query)


CHAT_COMPLETIONS = ChatCompletions()
COMPLETIONS = Completions()
EMBEDDINGS = Embeddings()
OPENAI = Provider(
    "openai",
    "openai",
    "",
    {
        "/v1/chat/completions": CHAT_COMPLETIONS,
        "/v1/responses": RESPONSES,
        "/v1/responses/compact": COMPACT,
        "/v1/embeddings": EMBEDDINGS,
        "/v1/completions": COMPLETIONS,
    },
    _url,
    PATHS,
)
