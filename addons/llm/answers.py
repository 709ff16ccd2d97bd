"""Tell a whole answer of a provider from what is none, although its status is 2xx, and read its usage.

An error, or a page of a gateway or of a login, costs nothing. An answer that cannot be read, such as one that was cut
short, was made by the model and is billed, so its usage is estimated.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from addons.llm.parsing.json_edit import outline
from addons.llm.parsing.json_values import has_too_many_values
from addons.llm.parsing.sniffing import looks_like_object
from addons.llm.parsing.sse import Event, SSEParser
from addons.llm.providers import StreamMeter, WireFormat
from addons.llm.providers.base import error_type
from addons.llm.request import characters, parse_object
from addons.llm.usage import CHARACTERS_PER_TOKEN, NOTHING, Estimate, Usage, details, text

NOT_JSON = "answer_is_not_json"
NOT_AN_ANSWER = "not_an_answer"
UNREADABLE = "unreadable_answer"

_MOST_KEPT_BYTES = 32 * 2**20

_MOST_VALUES = 100_000
"""Values of an answer that is parsed. Of one with more, such as thousands of embeddings, only the short members are:
its usage is among them, and what the model made is not needed."""
_LONGEST_MEMBER = 64 * 2**10

_TEXTS = frozenset(
    {"content", "choices", "output", "completion", "generation", "generations", "outputs", "results", "completions"}
    | {"text", "data", "embedding", "embeddings", "embeddingsByType", "images", "artifacts"}
)
"""Members that hold what a model made.

Sources: the references of the APIs, and for `invoke`
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html.
"""


class Body(NamedTuple):
    """Hold what a whole body turned out to be."""

    answer: Mapping[str, Any] | None = None
    """The provider's answer; None where there is none, or where it cannot be read."""
    error: str = ""
    """The type of the error that the body is or has in it, or NOT_JSON, NOT_AN_ANSWER or UNREADABLE."""

    @property
    def model(self) -> str:
        return text(self.answer.get("model")) if self.answer else ""

    @property
    def characters(self) -> int:
        """Return the length of the texts that the model made."""
        return characters([self.answer.get(name) for name in _TEXTS]) if self.answer else 0

    def usage(self, wire: WireFormat, estimate: Estimate) -> Usage:
        """Return the usage that the answer reports; NOTHING where there is none. An unreadable one is not for this."""
        if self.answer is None:
            return NOTHING
        usage = wire.usage(self.answer, estimate)
        return wire.usage(self.answer, estimate.seen(self.characters)) if usage.estimated else usage


def read_body(content: bytes, counts_stand_elsewhere: bool = False) -> Body:
    """Read a whole body whose status is 2xx. One that is no JSON object is not parsed.

    With `counts_stand_elsewhere`, such as in headers, every object but an error is an answer.
    """
    if not looks_like_object(content):
        return Body(error=NOT_JSON)
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        is_large = has_too_many_values(content, _MOST_VALUES, _MOST_VALUES)
        answer = outline(content, _LONGEST_MEMBER) if is_large else parse_object(content)
    except (ValueError, RecursionError):
        return Body(error=UNREADABLE)
    error = (error_type(answer) or "error") if answer.get("error") else ""
    if not details(answer, "usage"):
        if error and not any(answer.get(name) for name in _TEXTS):
            return Body(error=error)
        if _TEXTS.isdisjoint(answer) and not counts_stand_elsewhere:
            return Body(error=NOT_AN_ANSWER)
    return Body(answer, error)


class Answer(NamedTuple):
    """Hold what was read of an answer in one piece."""

    content: bytes | None = None
    """The answer without its content encoding; None where that cannot be undone."""
    body: Body | None = None
    meter: StreamMeter | None = None
    """The meter that has read it, where it consists of events."""


def read_events(wire: WireFormat, content: bytes) -> StreamMeter:
    """Return a meter that has read a whole body of server-sent events. Raises EventTooLarge."""
    parser, meter = SSEParser(), wire.meter(False)
    for event in [*parser.feed(content), parser.last()]:
        if event:
            meter.read(event)
    return meter


def estimated(estimate: Estimate, size: int, most_output: int) -> Usage:
    """Return the usage to assume for an answer of `size` bytes that cannot be read.

    Not all of its bytes are text that the model made. So its output is at most what was asked for.
    """
    return estimate.seen(min(size, most_output * CHARACTERS_PER_TOKEN)).usage()


class WholeAnswer:
    """Meter an answer that came where a stream was asked for, but is none: a JSON object, or no answer at all."""

    complete = False
    finished = True
    """There is nothing to stop: the model made all of it before it was sent."""

    def __init__(self, wire: WireFormat, most_output: int) -> None:
        """`most_output` limits the output to assume if the answer cannot be read, in tokens."""
        self._wire = wire
        self._most_output = most_output
        self._size = 0
        self._content = bytearray()
        self._body: Body | None = None

    def add(self, data: bytes) -> None:
        """Keep a part of a JSON object; of one that is too large, nothing is kept but its size."""
        self._size += len(data)
        if self._size > _MOST_KEPT_BYTES:
            self._content.clear()
        else:
            self._content += data

    def read(self, event: Event) -> bool:
        return True

    def _read(self) -> Body:
        if self._body is None:
            is_kept = self._size <= _MOST_KEPT_BYTES
            self._body = read_body(bytes(self._content)) if is_kept else Body(error=UNREADABLE)
            self._content.clear()
        return self._body

    @property
    def model(self) -> str:
        return self._read().model

    @property
    def error(self) -> str:
        return self._read().error

    @property
    def text_bytes(self) -> int:
        body = self._read()
        return self._size if body.error == UNREADABLE else body.characters

    def usage(self, estimate: Estimate) -> Usage:
        body = self._read()
        if body.error == UNREADABLE:
            return estimated(estimate, self._size, self._most_output)
        return body.usage(self._wire, estimate)
