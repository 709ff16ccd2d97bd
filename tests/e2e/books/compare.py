"""Compare the proxy's events with the provider's books, case by case."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.e2e.books.drafts import Case

Record = Mapping[str, Any]

_MOST_DIFFERENCE = Decimal("0.15")
_LEAST_PART = Decimal("0.1")
_DETAILED = 20
"""The number of problems that are shown in full."""
_SHOWN = ("status_code", "error", "cost_usd", "usage_estimated", "token_summary", "model", "cache_hit", "blocked_by")


@dataclass
class Comparison:
    problems: list[tuple[Case, str]] = field(default_factory=list)
    exact: int = 0
    """The cases that are billed as they are in the books, to the nano-dollar."""
    estimated: list[tuple[Case, int, int]] = field(default_factory=list)
    """The cases that are billed by an estimate: nano-USD that were billed, and those in the books."""

    @property
    def difference(self) -> Decimal:
        """Return by which part of the books' sum the estimates differ from it."""
        billed = sum(billed for _, billed, _ in self.estimated)
        charged = sum(charged for _, _, charged in self.estimated)
        return Decimal(billed - charged) / charged if charged else Decimal(0)

    def message(self, seed: int, *, is_whole: bool = True) -> str:
        """Return what is wrong, and how to see it again; "" where nothing is.

        `is_whole` says that the estimates are enough for their sum to mean something.
        """
        lines = [f"  call {case.number} ({case.kind}): {problem}" for case, problem in self.problems[:_DETAILED]]
        if len(self.problems) > _DETAILED:
            kinds = Counter(case.kind.partition(", ")[2] for case, _ in self.problems)
            lines += [f"  all {len(self.problems)}:", *(f"    {n:4} {kind}" for kind, n in sorted(kinds.items()))]
        if is_whole and abs(self.difference) > _MOST_DIFFERENCE:
            lines.append(f"  the estimates are {self.difference:+.1%} off the books:")
            lines += [f"    call {c.number} ({c.kind}): billed {b}, in the books {n}" for c, b, n in self.estimated]
        if not lines:
            return ""
        numbers = ",".join(str(case.number) for case, _ in self.problems)
        again = f"BOOKS_SEED={seed}" + (f" BOOKS_ONLY={numbers}" if numbers else "")
        head = f"seed {seed}: the bill is not the provider's ({self.exact} cases are exact, {len(self.problems)} wrong)"
        return "\n".join([head, *lines, f"again: {again} .venv/bin/python -m pytest -q tests/e2e/books"])


def nanos(cost_usd: Any) -> int | None:
    """Return an event's cost in nano-USD, None where it is not known."""
    return None if cost_usd is None else round(Decimal(str(cost_usd)) * 10**9)


def compare(cases: Iterable[Case], events: Iterable[Record], entries: Iterable[Record]) -> Comparison:
    by_trace: defaultdict[str, list[Record]] = defaultdict(list)
    by_marker: defaultdict[str, list[Record]] = defaultdict(list)
    for event in events:
        by_trace[event.get("trace_id", "")].append(event)
    for entry in entries:
        by_marker[entry["marker"]].append(entry)
    result = Comparison()
    for case in cases:
        found = [event for call in case.calls for event in by_trace.pop(call.trace, [])]
        booked = by_marker.pop(case.marker, [])
        if problem := _problem(case, found, booked, result):
            shown = [{name: event[name] for name in _SHOWN if name in event} for event in found]
            result.problems.append((case, f"{problem}\n    events {shown}\n    books {booked}"))
    if by_trace or by_marker:
        nobodys = Case(-1, "of no call", "", ())
        result.problems.append((nobodys, f"events {sorted(by_trace)}, entries in the books {sorted(by_marker)}"))
    return result


def _problem(case: Case, events: Sequence[Record], booked: Sequence[Record], result: Comparison) -> str:
    """Return what is wrong with the bill of a case, "" where it is right, which is counted in the result."""
    if case.may_vanish and not events and not booked:
        return ""
    if len(events) != len(case.calls):
        return f"{len(case.calls)} calls left {len(events)} events"
    if case.accepted is not None and len(booked) != case.accepted:
        return f"the provider accepted {len(booked)} calls, and not {case.accepted}"
    costs = [nanos(event["cost_usd"]) for event in events]
    billed = sum(cost for cost in costs if cost is not None)
    charged = sum(entry["nanos"] for entry in booked)
    if None in costs:
        return "a call has no price"
    if not booked:
        return f"{_usd(billed)} were billed, though nothing was accepted" if billed else _count(result)
    if not any(event.get("usage_estimated") for event in events):
        return f"{_usd(billed)} were billed, not {_usd(charged)}" if billed != charged else _count(result)
    if not case.may_be_estimated:
        return f"the usage is estimated though the provider reports it ({_usd(billed)}, not {_usd(charged)})"
    result.estimated.append((case, billed, charged))
    return f"{_usd(billed)} were billed, less than a tenth of {_usd(charged)}" if billed < charged * _LEAST_PART else ""


def _count(result: Comparison) -> str:
    result.exact += 1
    return ""


def _usd(amount: int) -> str:
    return f"${Decimal(amount) / 10**9:f}"
