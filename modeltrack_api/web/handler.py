"""Define what a handler of the API is given, and what it returns.

A handler is a function that takes an `Ask` and returns what the answer has under `data`: dicts, lists, texts, numbers,
and `Decimal` for money in USD (`usd` makes it from nano-USD), which becomes a JSON number with all its digits.
"""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from modeltrack_api.app import App
from modeltrack_api.store.sums import ANY, Filters
from modeltrack_api.utc import ALWAYS, Window


class ApiError(Exception):
    """Raised to answer with an error: a status, a message for people, and the headers that the status calls for."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Ask:
    """One request whose parameters have been checked, and all that its handler needs."""

    app: App
    db: sqlite3.Connection
    """A connection that sees one state of the database throughout; rows are sqlite3.Row."""
    now: datetime
    window: Window = ALWAYS
    """The range from `start_date` to `end_date`."""
    has_window: bool = False
    """Whether the request has `start_date` or `end_date`."""
    filters: Filters = ANY
    args: Mapping[str, Any] = field(default_factory=dict)
    """The other parameters by name, from the query (with defaults) and from the path."""
    body: Any = None
    """The JSON of a POST or PATCH, not checked yet."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Is what a handler returns when the answer is not simply a 200 with the envelope."""

    content: Any
    status: int = 200
    content_type: str = ""
    """If set, `content` is bytes and goes out unchanged; if not, `content` goes into the envelope."""
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Ask], Any]


def dumps(value: Any) -> bytes:
    return orjson.dumps(value, default=_default)


def _default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value.normalize(), "f"))
    raise TypeError(type(value).__name__)
