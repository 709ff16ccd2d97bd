"""Help several queries: sums by label with the dearest first, what a sum says of its money, and maps of spend."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Protocol

from modeltrack_api.amounts import known, usd_each, usd_or_null
from modeltrack_api.store.measures import BILLED, COST, TOKENS
from modeltrack_api.store.sums import LLM, Row, totals
from modeltrack_api.web.handler import Ask

COST_AND_TOKENS = (*COST, *TOKENS)


class Sum(Protocol):
    """Sums by the names of measures, among them those of COST. Sums of nothing may be None."""

    def __getitem__(self, name: str, /) -> Any: ...


NOTHING = dict.fromkeys(COST, 0)
"""The sums of no calls."""


def dearest(
    ask: Ask, *by: str, measures: Sequence[str] = COST, event_type: str | None = LLM, first: str = "cost_nanos"
) -> list[Row]:
    """Return the sums by these labels over the range asked for, dearest first.

    Equal ones are in order of requests, then of name. `first` is the measure that they are sorted by.
    """
    order = ", ".join([f"{first} DESC, requests DESC", *by])
    return totals(ask.db, ask.window, ask.filters, by=by, measures=measures, event_type=event_type, order=order)


def added(rows: Iterable[Sum], measures: Sequence[str] = COST) -> dict[str, int]:
    """Return the sums of the rows together."""
    rows = list(rows)
    return {name: sum(row[name] for row in rows) for name in measures}


def summed_by(rows: Iterable[Row], *labels: str, measures: Sequence[str] = COST) -> list[dict[str, Any]]:
    """Sum the rows by some of their labels, in the order of `dearest`."""
    groups: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[label] for label in labels)].append(row)
    found = [dict(zip(labels, key, strict=True)) | added(group, measures) for key, group in groups.items()]
    return sorted(found, key=lambda row: (-row["cost_nanos"], -row["requests"], *(row[label] for label in labels)))


def spent_nanos(row: Sum) -> int | None:
    """Return the nano-USD of a sum; None where nothing of it is known (see `amounts.known`)."""
    return known(row["cost_nanos"], (row["unpriced"] or 0) + (row["unpriced_usage"] or 0))


def spent(row: Sum) -> Decimal | None:
    """Return the USD of a sum; None where nothing of it is known."""
    return usd_or_null(spent_nanos(row))


def priced(row: Sum) -> int:
    """Return the number of calls that a sum of money counts."""
    return int((row["requests"] or 0) - (row["unpriced"] or 0))


def spent_each(row: Sum) -> Decimal | None:
    """Return the average USD of the calls that have a known price; None where nothing is known."""
    nanos = spent_nanos(row)
    return None if nanos is None else usd_each(nanos, priced(row))


def left_out(row: Sum) -> dict[str, int]:
    """Return the members that say what is not in a sum of money."""
    return {"unpriced_requests": row["unpriced"] or 0, "unpriced_usage_requests": row["unpriced_usage"] or 0}


def tokens_by_kind(row: Sum) -> dict[str, int]:
    """Return the members that say which tokens a sum has. `total_tokens` are those that a provider billed."""
    return {f"total_{name}": row[name] for name in TOKENS} | {"total_tokens": billed(row)}


def billed(row: Sum) -> int:
    """Return the tokens of all kinds that a provider billed."""
    return sum(row[name] for name in BILLED)


def spend_by(rows: Iterable[Sum], label: str) -> dict[str, Decimal | None]:
    """Return USD by the label's value, in the order of the rows."""
    return {row[label]: spent(row) for row in rows}


def unpriced_by(rows: Iterable[Sum], label: str) -> dict[str, int]:
    """Return the number of calls without a known price by the label's value, where there are any."""
    return {row[label]: row["unpriced"] for row in rows if row["unpriced"]}


def groups(rows: Iterable[Row], label: str) -> dict[str, list[Row]]:
    """Return the rows of each value of a label, in their order."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row[label], []).append(row)
    return found


def joined(names: Iterable[str]) -> str:
    """Return the names as "a,b": sorted, each once, without empty ones."""
    return ",".join(sorted({name for name in names if name}))
