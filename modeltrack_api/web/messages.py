"""Define the request and the answer that `server` and `dispatch` hand each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from modeltrack_api.web.handler import dumps

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    """Path and query, still percent-encoded."""
    headers: Mapping[str, str]
    """Values by name in lower case. The values of a header that came several times are joined with commas."""
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
