"""Test the run's plan, which a seed must be enough to make again, and what it takes for a wrong bill."""

from typing import Any

import pytest

from tests.e2e.books.compare import compare
from tests.e2e.books.drafts import Case
from tests.e2e.books.features import FEATURES
from tests.e2e.books.formats import FORMATS
from tests.e2e.books.plan import case, plan

SEED = 1
PLANNED = list(plan(SEED, 2000))


def test_a_case_is_the_same_alone_and_in_a_run() -> None:
    assert [case(SEED, item.number) for item in PLANNED[::50]] == PLANNED[::50]
    assert case(2, 7) != case(1, 7)


def test_a_run_of_two_thousand_calls_has_everything_in_it() -> None:
    assert sum(len(item.calls) for item in PLANNED) in range(2000, 2004)
    kinds = "\n".join(f"{item.kind}," for item in PLANNED)
    stages = {call.stage for item in PLANNED for call in item.calls}
    assert stages == {
        "stays",
        "half-closes",
        "in the request",
        "before the head",
        "after the head",
        "in mid stream",
        "at the end",
    }
    scenarios = (
        "wrong credential",
        "again after a",
        "in turn",
        "together",
        "asks again",
        "budget spent",
        "downgraded",
        "on a socket",
    )
    wanted = [*(f"{form.name}, " for form in FORMATS), *(f", {item.name}," for item in FEATURES), *scenarios]
    assert [name for name in wanted if name not in kinds] == []


CASE = next(item for item in PLANNED if len(item.calls) == 1 and not item.may_be_estimated and item.accepted is None)
CUT = next(item for item in PLANNED if len(item.calls) == 1 and item.may_be_estimated)
REFUSED = next(item for item in PLANNED if item.accepted == 0)


def event(item: Case, usd: float | None, **fields: Any) -> dict[str, Any]:
    return {"trace_id": item.calls[0].trace, "cost_usd": usd} | fields


def entry(item: Case, nanos: int) -> dict[str, Any]:
    return {"marker": item.marker, "nanos": nanos}


@pytest.mark.parametrize(
    ("item", "events", "entries", "problem"),
    [
        (CASE, [event(CASE, 0.00000001)], [entry(CASE, 10)], ""),
        (CASE, [event(CASE, 0.00000001)], [entry(CASE, 11)], "$0.00000001 were billed, not $0.000000011"),
        (CASE, [event(CASE, None)], [entry(CASE, 10)], "a call has no price"),
        (CASE, [], [entry(CASE, 10)], "1 calls left 0 events"),
        (CASE, [event(CASE, 0.00000001)] * 2, [entry(CASE, 10)], "1 calls left 2 events"),
        (CASE, [event(CASE, 0.00000001, usage_estimated=True)], [entry(CASE, 10)], "the usage is estimated"),
        (CASE, [event(CASE, 0.00000001)], [], "though nothing was accepted"),
        (CASE, [event(CASE, 0)], [], ""),
        (REFUSED, [event(REFUSED, 0)], [], ""),
        (REFUSED, [event(REFUSED, 0.00000001)], [entry(REFUSED, 10)], "the provider accepted 1 calls, and not 0"),
        (CUT, [event(CUT, 0.0000009, usage_estimated=True)], [entry(CUT, 1000)], ""),
        (CUT, [event(CUT, 0.0000008, usage_estimated=True)], [entry(CUT, 1000)], "the estimates are -20.0% off"),
        (CUT, [event(CUT, 0.00000009, usage_estimated=True)], [entry(CUT, 1000)], "less than a tenth"),
        (CASE, [event(CASE, 0.00000001), event(CUT, 0)], [entry(CASE, 10)], "of no call"),
    ],
)
def test_a_wrong_bill_is_told_with_the_seed_and_the_call(
    item: Case, events: list[Any], entries: list[Any], problem: str
) -> None:
    message = compare([item], events, entries).message(SEED)
    if not problem:
        assert message == ""
        return
    assert problem in message
    assert f"again: BOOKS_SEED={SEED} " in message
    assert "of no call" in problem or f"call {item.number} ({item.kind})" in message
