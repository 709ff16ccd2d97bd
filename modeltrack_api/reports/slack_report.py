"""Make a report as a Slack message: spend against the period before, the top teams and models, and advice."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from addons.ledger.money import format_usd
from modeltrack_api.amounts import percent
from modeltrack_api.reports.advice import Sum, actions, recommendations
from modeltrack_api.reports.executive import summed
from modeltrack_api.slack.messages import message, short
from modeltrack_api.utc import Window, day_of
from modeltrack_api.web.handler import Ask

_TOP, _MOST_ADVICE = 5, 3


def report(ask: Ask, title: str, name: str, before: Window, note: str) -> dict[str, Any]:
    """Return the report on `ask.window`, from the same sums as the executive report.

    `name` is the schedule's name, or "" for a built-in one. `before` is the period to compare with.
    """
    sums = summed(ask, before)
    now, then = sums.all, sums.before
    spent, requests = now["cost_nanos"], now["requests"]
    first, last = day_of(ask.window.start), day_of(ask.window.end - 1)
    when = f"on {first}" if first == last else f"from {first} to {last}"
    text = f"{format_usd(spent)} for {_count(requests, 'request')} {when}"
    fields = [
        ("Spend", format_usd(spent)),
        ("Period before", f"{format_usd(then['cost_nanos'])}{_change(spent, then['cost_nanos'])}"),
        ("Requests", f"{requests:,}{_change(requests, then['requests'])}"),
        ("Saved by cache and routing", format_usd(now["saved_by_cache"] + now["saved_by_routing"])),
        ("Refused", f"{now['blocked']:,}"),
    ]
    if now["unpriced"]:
        fields.append(("Without a known price", _count(now["unpriced"], "request")))
    advice = [*(action["description"] for action in actions(ask, sums)[:1]), *recommendations(sums, ())]
    lists = [
        ("Teams", list(_top(sums.teams, "team", spent))),
        ("Models", list(_top(sums.models, "model", spent))),
        ("Advice", advice[:_MOST_ADVICE] if requests else []),
    ]
    return message(title, f"{name}: {text}" if name else text, fields, [pair for pair in lists if pair[1]], note)


def _top(rows: Sequence[Sum], label: str, total: int) -> Iterator[str]:
    for row in rows[:_TOP]:
        if row["cost_nanos"] > 0:
            share = percent(row["cost_nanos"], total)
            yield f"{short(row[label], 60) or '(none)'}: {format_usd(row['cost_nanos'])} ({share:.0f}%)"


def _change(now: int, before: int) -> str:
    return f" ({percent(now - before, before):+.0f}%)" if before else ""


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def late_note(late: timedelta, due: str, left_out: int) -> str:
    """Return a note that the report is late, or "" if it is on time."""
    if late < timedelta(minutes=15):
        return ""
    more = f"; {_count(left_out, 'earlier one')} that fell due meanwhile {'is' if left_out == 1 else 'are'} left out"
    return f"Late: it was due {due} UTC, when ModelTrack was not running{more if left_out else ''}."
