"""Show keys as text and as JSON: what each may do and until when, and never its hash."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from addons.callers.keys import Key
from modeltrack_api.cli.edits import written

_HEADINGS = ("ID", "TEAM", "APP", "USER", "STATE", "PROVIDERS", "MODELS", "NOTE")
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_LONGEST_NOTE = 60


def state(key: Key, now: datetime) -> str:
    """Return whether a key is valid: `valid`, `disabled`, `expired`, or how long it is valid still."""
    if key.disabled:
        return "disabled"
    if key.end is None:
        return "valid"
    if not key.is_valid(now):
        return "expired"
    unit, size = ("day", _DAY) if key.end - now > _DAY else ("hour", _HOUR)
    number = math.ceil((key.end - now) / size)
    return f"expires in {number} {unit}{'' if number == 1 else 's'}"


def table(keys: Sequence[Key], now: datetime) -> str:
    """Return a line for each key below a line of headings."""
    rows = [_HEADINGS, *(_row(key, now) for key in keys)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def as_json(key: Key, now: datetime) -> dict[str, Any]:
    found = key.model_dump(mode="json", exclude={"sha256"})
    return {**found, "state": state(key, now), "ends": written(key.end) if key.end else None}


def rights(key: Key) -> str:
    """Return in a line for each what a key says of its calls, and what it may do."""
    ends = (
        f"{key.expires} ({'is its last day, in UTC' if len(key.expires) == len('2027-06-30') else 'from then on not'})"
    )
    lines = {
        "id": key.id,
        "team": key.team,
        "app": key.app,
        "user": key.user,
        "feature": key.feature,
        "customer tier": key.customer_tier,
        "providers": ", ".join(key.providers) or "all",
        "models": ", ".join(key.models) or "all",
        "ends": ends if key.expires else "never",
        "credentials": ", ".join(f"{provider}: {reference}" for provider, reference in key.credentials.items()),
        "note": key.note,
    }
    return "\n".join(f"  {name:14}{printable(value)}" for name, value in lines.items() if value)


def printable(text: str) -> str:
    """Return a text without what would move a terminal's cursor or turn letters round."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _row(key: Key, now: datetime) -> tuple[str, ...]:
    note = key.note if len(key.note) <= _LONGEST_NOTE else key.note[: _LONGEST_NOTE - 1] + "…"
    cells = (
        key.id,
        key.team,
        key.app,
        key.user,
        state(key, now),
        ",".join(key.providers) or "all",
        ",".join(key.models) or "all",
        note,
    )
    return tuple(map(printable, cells))
