"""What a provider is to the proxy: where its calls go, and how to read what they say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from addons.llm.parsing.sse import Event
from addons.llm.request import LLMRequest
from addons.llm.usage import Estimate, Usage


class Endpoints(NamedTuple):
    """Base URLs without a slash at the end; `azure` may be empty."""

    anthropic: str
    openai: str
    bedrock: str
    """Of the native Messages endpoint."""
    bedrock_runtime: str
    azure: str
    azure_api_version: str


class NotConfigured(ValueError):
    """The provider has no endpoint; the message says which setting gives it one."""


class StreamMeter(Protocol):
    """Reads one streamed answer, event by event: of server-sent events, or of AWS's event stream."""

    model: str
    """As the answer names it, "" until it does."""
    complete: bool
    """Whether the stream's own last event has come."""
    error: str
    """Type of an error that the provider sent in the stream."""
    text_bytes: int
    """UTF-8 bytes of answer seen so far, for an estimate."""

    def read(self, event: Event) -> bool:
        """Whether the client is to see the event."""

    def usage(self, estimate: Estimate) -> Usage: ...


class WireFormat(Protocol):
    """How requests and answers are written. No method sends or stores anything."""

    family: str
    """`anthropic` or `openai`: what a routing rule's `provider` covers."""
    filing: frozenset[str]
    """Fields of a request that say how to file it and leave the answer as it is: no part of the cache's key."""

    def request(self, body: Mapping[str, Any], model: str) -> LLMRequest:
        """`model` is the one that the path names, "" if it names none. Raises ValueError where there is none at all."""

    def stream_options(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """`stream_options` to send instead of the client's so that a stream reports its usage; None: leave them."""

    def usage(self, answer: Mapping[str, Any], estimate: Estimate) -> Usage:
        """Of a whole answer; what it does not report is taken from the estimate and marked."""

    def meter(self, hide_usage: bool) -> StreamMeter: ...

    def error_body(self, kind: str, message: str) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Provider:
    name: str
    """As cost events spell it."""
    price_id: str
    """The provider's id in genai-prices."""
    prefix: str
    """What tells its paths on the proxy apart, "" for none."""
    paths: Mapping[str, WireFormat]
    """Tracked generation paths, without the prefix; `{model}` in one is the model."""
    url: Callable[[Endpoints, str, str, str], str]
    """The URL to call: of the endpoints, path without the prefix, query and model ("" if not known).

    Raises NotConfigured.
    """
    takes_stream_options: Callable[[str], bool] = lambda query: True
    """Whether a stream may be asked to report its usage, by the query of its URL."""
    bills_as_asked: bool = False
    """Whether the name that was asked for sets the price, where it has one, and not the name in the answer."""


def join(base: str, path: str, query: str) -> str:
    """A base URL and a path; `/v1` is in the result once, whether the base ends with it or not."""
    if base.endswith("/v1") and path.startswith("/v1/"):
        base = base.removesuffix("/v1")
    return f"{base}{path}?{query}" if query else base + path


def error_type(answer: object) -> str:
    """The type or code of a provider's error body, "" if it has none: a word, never text that may quote a prompt."""
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, dict):
        for name in (error.get("type"), error.get("code")):
            if isinstance(name, str) and 0 < len(name) <= 64 and name.replace("_", "").isalnum() and name.isascii():
                return name
    return ""


def openai_error(kind: str, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": kind}}
