"""A report as a message: what a period cost, against the one before it, and who spent it on what."""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from addons.ledger.money import format_usd
from modeltrack_api.alerting.slack import message, short
from modeltrack_api.facts import Window, moment, totals

_MEASURES = ("cost_nanos", "requests", "saved_by_cache", "saved_by_routing", "blocked", "unpriced")
_TOP = 5


def report(db: sqlite3.Connection, title: str, name: str, window: Window, before: Window, note: str) -> dict[str, Any]:
    """`name`: of the schedule, "" for one of ModelTrack's own."""
    [now] = totals(db, window, measures=_MEASURES)
    [then] = totals(db, before)
    spent, requests = now["cost_nanos"] or 0, now["requests"] or 0
    first, last = (f"{moment(day):%Y-%m-%d}" for day in (window.start, window.end - 1))
    when = f"on {first}" if first == last else f"from {first} to {last}"
    text = f"{format_usd(spent)} for {_count(requests, 'request')} {when}"
    saved = (now["saved_by_cache"] or 0) + (now["saved_by_routing"] or 0)
    fields = [
        ("Spend", format_usd(spent)),
        ("Period before", f"{format_usd(then['cost_nanos'] or 0)}{_change(spent, then['cost_nanos'] or 0)}"),
        ("Requests", f"{requests:,}{_change(requests, then['requests'] or 0)}"),
        ("Saved by cache and routing", format_usd(saved)),
        ("Refused", f"{now['blocked'] or 0:,}"),
    ]
    if now["unpriced"]:
        fields.append(("Without a known price", _count(now["unpriced"], "request")))
    lists = [
        (heading, list(_top(db, window, label, spent))) for heading, label in (("Teams", "team"), ("Models", "model"))
    ]
    return message(title, f"{name}: {text}" if name else text, fields, [pair for pair in lists if pair[1]], note)


def _top(db: sqlite3.Connection, window: Window, label: str, total: int) -> Iterator[str]:
    rows = totals(db, window, by=(label,), measures=("cost_nanos",), order=f"sum(cost_nanos) DESC, {label}")
    for row in rows[:_TOP]:
        if row["cost_nanos"] > 0:
            share = row["cost_nanos"] * 100 / total
            yield f"{short(row[label], 60) or '(none)'}: {format_usd(row['cost_nanos'])} ({share:.0f}%)"


def _change(now: int, before: int) -> str:
    return f" ({(now - before) * 100 / before:+.0f}%)" if before else ""


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def late_note(late: timedelta, due: str, left_out: int) -> str:
    """ "" for a report that is on time."""
    if late < timedelta(minutes=15):
        return ""
    more = f"; {_count(left_out, 'earlier one')} that fell due meanwhile {'is' if left_out == 1 else 'are'} left out"
    return f"Late: it was due {due} UTC, when ModelTrack was not running{more if left_out else ''}."
