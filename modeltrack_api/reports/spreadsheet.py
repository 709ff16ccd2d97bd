"""Write a report as CSV for spreadsheets: one table for all of its sections."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

_COLUMNS = (
    *("section", "name", "value", "spend_usd", "requests", "pct_of_total", "avg_cost_usd", "savings_usd"),
    *("unpriced_requests", "unpriced_usage_requests"),
)
_FIELDS = {
    "spend": "spend_usd",
    "requests": "requests",
    "pct_of_total": "pct_of_total",
    "avg_cost": "avg_cost_usd",
    "estimated_savings": "savings_usd",
    "description": "value",
    "unpriced_requests": "unpriced_requests",
    "unpriced_usage_requests": "unpriced_usage_requests",
}
_NAMES = {
    "spend_by_team": "team",
    "spend_by_model": "model",
    "spend_by_feature": "feature",
    "spend_by_user": "user",
    "spend_by_key": "key_id",
    "daily_spend": "date",
    "optimization_actions": "type",
}
"""The sections that are lists, and the field that names each of their lines."""


def as_csv(report: Mapping[str, Any]) -> bytes:
    """Return the answer of `executive` as CSV in UTF-8. Every cell is quoted, and no text can pass for a formula."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, _COLUMNS, restval="", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    for row in _rows(report):
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return out.getvalue().encode(errors="replace")


def _rows(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for section in ("period", "summary", "trends"):
        for name, value in report[section].items():
            yield {"section": section, "name": name, "value": value}
    for section, key in _NAMES.items():
        for item in report[section]:
            fields = {_FIELDS[name]: value for name, value in item.items() if name != key}
            yield {"section": section, "name": item[key], **fields}
    yield from _texts(report["recommendations"])


def _texts(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        yield {"section": "recommendations", "name": number, "value": line}


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return "" if value is None else str(value)


_BEGIN_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001


def harmless(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would run as a formula, also one that begins with blanks.

    See OWASP, "CSV Injection".
    """
    return f"'{text}" if text.startswith(_BEGIN_FORMULAS) or text.lstrip().startswith(_BEGIN_FORMULAS) else text
