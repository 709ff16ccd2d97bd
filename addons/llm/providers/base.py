"""Define what the proxy has to know of a provider: where its calls go, and how to read requests and answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from addons.llm.denial import Denial
from addons.llm.parsing.sse import Event
from addons.llm.paths.table import PathTable
from addons.llm.request import LLMRequest
from addons.llm.usage import Estimate, Usage


class Endpoints(NamedTuple):
    """Hold the base URLs from the settings. They have no slash at the end; `azure` may be empty."""

    anthropic: str
    openai: str
    bedrock: str
    """The base URL of the native Messages endpoint."""
    bedrock_runtime: str
    """The base URL of the runtime API: `invoke` and `converse`."""
    azure: str
    azure_api_version: str


class NotConfigured(ValueError):
    """The provider has no endpoint; the message says which setting gives it one."""


class StreamMeter(Protocol):
    """Read the usage in one streamed answer, event by event: server-sent events, or those of AWS's event stream."""

    @property
    def model(self) -> str:
        """Return the model that the answer names, "" until it does."""

    @property
    def complete(self) -> bool:
        """Return whether the stream's own last event has come."""

    @property
    def error(self) -> str:
        """Return the type of an error that the provider sent in the stream, "" where it sent none."""

    @property
    def text_bytes(self) -> int:
        """Return the UTF-8 bytes of the answer's text so far, for an estimate."""

    @property
    def finished(self) -> bool:
        """Tell whether the generation is over: a stop reason has come, and only the usage may still follow."""

    def read(self, event: Event) -> bool:
        """Read an event, and return whether it is forwarded to the client."""

    def usage(self, estimate: Estimate) -> Usage:
        """Return the usage so far; what the stream has not reported comes from the estimate, and is marked."""


class WireFormat(Protocol):
    """Read and write the bodies of one API. No method sends or stores anything."""

    family: str
    """`anthropic` or `openai`: a model rule whose `provider` is the family covers all providers that speak it."""
    filing: frozenset[str]
    """Fields that only label a request, such as its user. They change no answer, so the cache key leaves them out."""

    def request(self, body: Mapping[str, Any], model: str) -> LLMRequest:
        """Return what a body asks for. `model` is the model that the path names, "" where the path names none.

        Raises ValueError where neither the path nor the body names a model.
        """

    def stream_options(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the `stream_options` that make a stream report its usage; None where the client's own are sent."""

    def usage(self, answer: Mapping[str, Any], estimate: Estimate) -> Usage:
        """Return the usage of a whole answer; what it does not report comes from the estimate, and is marked."""

    def meter(self, hide_usage: bool) -> StreamMeter:
        """Make a meter for one stream; with `hide_usage`, an event that only reports usage is kept from the client."""

    def error_body(self, denial: Denial) -> dict[str, Any]:
        """Return the body of an error, as the provider's SDKs expect it."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Describe a provider: its name, its paths on the proxy, and where they lead."""

    name: str
    """The name in cost events."""
    price_id: str
    """The provider's id in genai-prices."""
    prefix: str
    """The beginning that all of the provider's paths on the proxy share, "" if they share none."""
    paths: Mapping[str, WireFormat]
    """The tracked paths, without the prefix, and their formats; `{model}` stands for the name of a model."""
    url: Callable[[Endpoints, str, str, str], str]
    """Returns the URL to call, from the endpoints, the path without the prefix, the query, and the model.

    The model is "" where it is not known. Raises NotConfigured.
    """
    others: PathTable
    """The classes of the paths that are not tracked, without the prefix."""
    takes_stream_options: Callable[[str], bool] = lambda query: True
    """Returns, from the query of a URL, whether a stream may be asked to report its usage."""
    bills_as_asked: bool = False
    """Whether the price is that of the model that was asked for, where it has one, and not of the one in the answer."""


def join(base: str, path: str, query: str) -> str:
    """Join a base URL, a path and a query. The result has `/v1` once, whether the base URL ends with it or not."""
    if base.endswith("/v1") and path.startswith("/v1/"):
        base = base.removesuffix("/v1")
    return f"{base}{path}?{query}" if query else base + path


def error_type(answer: object) -> str:
    """Return the type or code in an error body, "" where it has none: a word, never a text that may quote a prompt."""
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, dict):
        for name in (error.get("type"), error.get("code")):
            if isinstance(name, str) and 0 < len(name) <= 64 and name.replace("_", "").isalnum() and name.isascii():
                return name
    return ""
