"""Read the parameters and bodies of requests, and say what is wrong with the ones that are not allowed."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from pydantic import BaseModel, ValidationError

from addons.ledger.validation import problem
from addons.settings.kinds import BOOLEAN, NAME, Kind, one_of, whole
from modeltrack_api.store.sums import ANY, Filters
from modeltrack_api.utc import ALWAYS, DAY, FOREVER, Window, micros
from modeltrack_api.web.handler import ApiError

_MOST_PARAMETERS = 50
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T t](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)\d*(Z|z|[+ -]\d\d:\d\d)?)?", re.ASCII
)


class Param(NamedTuple):
    """A parameter: in the path where the route has `{name}`, else in the query."""

    name: str
    kind: Kind
    default: Any = None


class Span(NamedTuple):
    """The range that a date or time covers, in microseconds since 1970: the whole day, or a single microsecond."""

    start: int
    end: int


def _date(value: object) -> Span:
    """Parse a day or a time. A time without a zone is in UTC.

    A blank before the zone is a plus sign that was not escaped in the query. Raises ValueError.
    """
    found = _MOMENT.fullmatch(str(value))
    if not found:
        raise ValueError(value)
    day, time, zone = found.groups()
    if time is None:
        start = micros(datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC))
        return Span(start, start + DAY)
    moment = datetime.fromisoformat(f"{day}T{time}{(zone or 'Z').replace(' ', '+').upper()}")
    return Span(micros(moment), micros(moment) + 1)


DATE = Kind("a day such as 2026-03-31, or a time such as 2026-03-31T12:00:00Z", _date)
TEXT = NAME
FLAG = BOOLEAN
ID = whole(1, 2**53 - 1)
LIMIT = whole(1, 1000)
CURSOR = Kind("the next_cursor of the page before", lambda value: _cursor(str(value)))

WINDOW = (Param("start_date", DATE), Param("end_date", DATE))
FILTERS = tuple(Param(name, TEXT) for name in Filters._fields)

__all__ = ["CURSOR", "DATE", "FILTERS", "FLAG", "ID", "LIMIT", "TEXT", "WINDOW", "Param", "one_of", "whole"]


def _cursor(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.:-]{1,200}", text):
        raise ValueError(text)
    return text


def decoded(text: str) -> str:
    """Decode a percent-encoded piece of a path. Raises ApiError."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ApiError(400, "the path is not UTF-8") from None


def query(text: str) -> dict[str, str]:
    """Return the query's parameters. Raises ApiError if it is malformed or gives a parameter twice."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS)
    except UnicodeDecodeError:
        raise ApiError(400, "the query is not UTF-8") from None
    except ValueError:
        raise ApiError(400, f"more than {_MOST_PARAMETERS} parameters") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise ApiError(400, f"parameter {name[:50]!r} is given twice")
        found[name] = value
    return found


def read(given: Mapping[str, str], allowed: Sequence[Param]) -> dict[str, Any]:
    """Return a value for each allowed parameter. Raises ApiError, which names the parameter and what is allowed."""
    if unknown := given.keys() - {param.name for param in allowed}:
        takes = ", ".join(param.name for param in allowed) or "none"
        raise ApiError(400, f"unknown parameter {min(unknown)[:50]!r}; this call takes: {takes}")
    return dict(_values(given, allowed))


def _values(given: Mapping[str, str], allowed: Sequence[Param]) -> Iterator[tuple[str, Any]]:
    for name, kind, default in allowed:
        value = given.get(name)
        try:
            yield name, default if value is None else kind.parse(value)
        except ValueError:
            raise ApiError(400, f"{name}: {str(value)[:50]!r} is not allowed: must be {kind.allowed}") from None


def window(values: dict[str, Any]) -> tuple[Window, bool]:
    """Take the dates out of `values`; return their range, and whether a date was given. Raises ApiError."""
    start, end = values.pop("start_date", None), values.pop("end_date", None)
    if start is None and end is None:
        return ALWAYS, False
    found = Window(start.start if start else 0, end.end if end else FOREVER)
    if start and end and found.start >= found.end:
        raise ApiError(400, "start_date is after end_date")
    return found, True


def filters(values: dict[str, Any]) -> Filters:
    """Take the filters out of `values` and return them."""
    given = {name: values.pop(name) for name in Filters._fields if name in values}
    return Filters(**given) if given else ANY


def checked[M: BaseModel](model: type[M], body: Any) -> M:
    """Validate a body and return it as the model. Raises ApiError, which names the first wrong field."""
    if not isinstance(body, dict):
        raise ApiError(400, "the body must be an object")
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise ApiError(400, problem(error.errors(include_url=False)[0])) from None
