"""Help several queries: sums by label with the dearest first, and maps of spend."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from modeltrack_api.amounts import usd
from modeltrack_api.store.sums import LLM, Row, totals
from modeltrack_api.web.handler import Ask

COST = ("cost_nanos", "requests")
COST_AND_TOKENS = (*COST, "input_tokens", "output_tokens")


def dearest(
    ask: Ask, *by: str, measures: Sequence[str] = COST, event_type: str | None = LLM, first: str = "cost_nanos"
) -> list[Row]:
    """Return the sums by these labels over the range asked for, dearest first.

    Equal ones are in order of requests, then of name. `first` is the measure that they are sorted by.
    """
    order = ", ".join([f"{first} DESC, requests DESC", *by])
    return totals(ask.db, ask.window, ask.filters, by=by, measures=measures, event_type=event_type, order=order)


def spend_by(rows: Iterable[Row], label: str) -> dict[str, Decimal]:
    """Return USD by the label's value, in the order of the rows."""
    return {row[label]: usd(row["cost_nanos"]) for row in rows}


def spend_within(rows: Iterable[Row], outer: str, inner: str) -> dict[str, dict[str, Decimal]]:
    found: dict[str, dict[str, Decimal]] = {}
    for row in rows:
        found.setdefault(row[outer], {})[row[inner]] = usd(row["cost_nanos"])
    return found


def joined(names: Iterable[str]) -> str:
    """Return the names as "a,b": sorted, each once, without empty ones."""
    return ",".join(sorted({name for name in names if name}))
