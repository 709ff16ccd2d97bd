"""A request and its answer, as bytes and texts: what `server` and `dispatch` hand each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from modeltrack_api.web.handler import dumps

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    """Path and query as they came."""
    headers: Mapping[str, str]
    """Names in small letters. Those that came several times are joined with commas."""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def envelope(data: object, error: str | None = None) -> bytes:
    return dumps({"data": data, "error": error})


def error_answer(status: int, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, envelope(None, message), headers=headers or {})
