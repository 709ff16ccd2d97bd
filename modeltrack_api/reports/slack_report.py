"""Make a report as a Slack message: spend against the period before, the top teams and models, and advice."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from addons.ledger.money import format_usd
from modeltrack_api.amounts import known, percent
from modeltrack_api.queries.common import spent_nanos
from modeltrack_api.reports.advice import Sum, actions, recommendations
from modeltrack_api.reports.executive import summed
from modeltrack_api.slack.messages import message, short
from modeltrack_api.utc import Window, day_of
from modeltrack_api.web.handler import Ask

NO_PRICE = "no known price"
_TOP, _MOST_ADVICE = 5, 3


def report(ask: Ask, title: str, name: str, before: Window, note: str) -> dict[str, Any]:
    """Return the report on `ask.window`, from the same sums as the executive report.

    `name` is the schedule's name, or "" for a built-in one. `before` is the period to compare with.
    """
    sums = summed(ask, before)
    now, then = sums.all, sums.before
    spent, requests = spent_nanos(now), now["requests"]
    saved = known(now["saved_by_cache"] + now["saved_by_routing"], now["unsaved_hits"] + now["unsaved_routed"])
    first, last = day_of(ask.window.start), day_of(ask.window.end - 1)
    when = f"on {first}" if first == last else f"from {first} to {last}"
    text = f"{_money(spent)} for {_count(requests, 'request')} {when}"
    fields = [
        ("Spend", _money(spent)),
        ("Period before", f"{_money(spent_nanos(then))}{_change(spent, spent_nanos(then))}"),
        ("Requests", f"{requests:,}{_change(requests, then['requests'])}"),
        ("Saved by cache and routing", _money(saved)),
        ("Refused", f"{now['blocked']:,}"),
    ]
    if now["unpriced"]:
        fields.append(("Without a known price", _count(now["unpriced"], "request")))
    if now["unpriced_usage"]:
        fields.append(("In part without one", _count(now["unpriced_usage"], "request")))
    advice = [*(action["description"] for action in actions(ask, sums)[:1]), *recommendations(sums, ())]
    lists = [
        ("Teams", list(_top(sums.teams, "team", now["cost_nanos"]))),
        ("Models", list(_top(sums.models, "model", now["cost_nanos"]))),
        ("Advice", advice[:_MOST_ADVICE] if requests else []),
    ]
    return message(title, f"{name}: {text}" if name else text, fields, [pair for pair in lists if pair[1]], note)


def _top(rows: Sequence[Sum], label: str, total: int) -> Iterator[str]:
    for row in rows[:_TOP]:
        name, nanos = short(row[label], 60) or "(none)", spent_nanos(row)
        if nanos is None:
            yield f"{name}: {NO_PRICE}"
        elif nanos > 0:
            yield f"{name}: {format_usd(nanos)} ({percent(nanos, total):.0f}%)"


def _money(nanos: int | None) -> str:
    return NO_PRICE if nanos is None else format_usd(nanos)


def _change(now: int | None, before: int | None) -> str:
    return f" ({percent(now - before, before):+.0f}%)" if now is not None and before else ""


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def late_note(late: timedelta, due: str, left_out: int) -> str:
    """Return a note that the report is late, or "" if it is on time."""
    if late < timedelta(minutes=15):
        return ""
    more = f"; {_count(left_out, 'earlier one')} that fell due meanwhile {'is' if left_out == 1 else 'are'} left out"
    return f"Late: it was due {due} UTC, when ModelTrack was not running{more if left_out else ''}."
