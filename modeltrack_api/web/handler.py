"""What a handler of the API is given, and what it gives back.

A handler is a function of an `Ask` that returns what goes under `data`: dicts, lists, texts, numbers, and `Decimal` for
money (in USD; `usd` makes it of nano-USD), which goes out as a JSON number with all its digits.
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
    """An answer with an error: its status, a message for people, and more headers where the status wants them."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, checked."""

    app: App
    db: sqlite3.Connection
    """Reads one state of the database throughout; rows are sqlite3.Row."""
    now: datetime
    window: Window = ALWAYS
    """`start_date` and `end_date`."""
    has_window: bool = False
    """Whether the request has either of them."""
    filters: Filters = ANY
    args: Mapping[str, Any] = field(default_factory=dict)
    """The route's other parameters, by name, with their defaults; and those in its path."""
    body: Any = None
    """Of a POST or PATCH: the JSON, unchecked."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer other than a 200 with the envelope."""

    content: Any
    status: int = 200
    content_type: str = ""
    """Set: `content` is bytes and goes out as it is."""
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Ask], Any]


def dumps(value: Any) -> bytes:
    return orjson.dumps(value, default=_default)


def _default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value.normalize(), "f"))
    raise TypeError(type(value).__name__)
