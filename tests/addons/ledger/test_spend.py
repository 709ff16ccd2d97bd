"""Test who is refused, what is spent, and when a month begins."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.ledger.spend import TICKET_SECONDS, Ledger, Spend, fold, highest, month_of
from addons.ledger.windows import window_of
from tests.addons.ledger.ledgers import EVENT, NOW, USD, Clock, budget, make


def spend(ledger: Ledger, usd: float, team: str = "t", app: str = "", when: datetime = NOW) -> None:
    ledger.settle(None, team, app, int(usd * USD), when)


def test_a_blocking_budget_refuses_once_it_is_spent() -> None:
    ledger = make(budget())
    spend(ledger, 9.999999999)
    assert ledger.binding("t", "a") is None
    spend(ledger, 0.000000001)
    refusal = ledger.binding("t", "a")
    assert refusal and refusal.is_exceeded


def test_reservations_refuse_for_a_moment_only() -> None:
    ledger = make(budget())
    ticket = ledger.reserve("t", "a", 10 * USD, "")
    refusal = ledger.binding("t", "")
    assert refusal and not refusal.is_exceeded
    ledger.release(ticket)
    assert ledger.binding("t", "") is None


def test_a_request_must_satisfy_the_teams_budget_and_the_apps() -> None:
    ledger = make(budget(limit=100), budget(app="a", limit=5))
    spend(ledger, 5, app="a")
    refusal = ledger.binding("t", "a")
    assert refusal and refusal.budget.app == "a"
    assert ledger.binding("t", "b") is None
    spend(ledger, 95, app="b")
    refusal = ledger.binding("t", "b")
    assert refusal and refusal.budget.app == ""


def test_a_warning_budget_refuses_nothing() -> None:
    ledger = make(budget(action="warn"))
    spend(ledger, 50)
    assert ledger.binding("t", "") is None
    worst = highest(ledger.standings("t", ""))
    assert worst and worst.percent == 500


def test_a_ticket_given_back_twice_counts_once() -> None:
    ledger = make()
    ticket = ledger.reserve("t", "a", USD, "")
    ledger.settle(ticket, "t", "a", 5, Clock().now)
    ledger.release(ticket)
    ledger.release(None)
    assert ledger.reserved_nanos == 0


def test_a_ticket_that_nobody_gives_back_expires(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    ledger = make(budget(), clock=clock)
    ledger.reserve("t", "", 10 * USD, "leaked")
    clock.seconds = TICKET_SECONDS - 1
    assert ledger.binding("t", "")
    clock.seconds = TICKET_SECONDS
    assert ledger.reserved_nanos == 0  # as an idle proxy shows it, that is asked for nothing else
    assert ledger.binding("t", "") is None
    assert caplog.messages == ["a reservation of 10000000000 nano-USD expired, which no call gave back"]


def test_the_ticket_of_a_long_stream_is_renewed_while_that_is_under_way() -> None:
    clock = Clock()
    ledger = make(budget(), clock=clock)
    ledger.reserve("t", "", 10 * USD, "stream")
    clock.under_way.add("stream")
    for _ in range(3):
        clock.seconds += TICKET_SECONDS
        assert ledger.binding("t", "")
    clock.under_way.clear()
    assert ledger.binding("t", "")
    clock.seconds += TICKET_SECONDS
    assert ledger.binding("t", "") is None


def test_a_new_month_begins_with_nothing_spent() -> None:
    clock = Clock()
    ledger = make(budget(), clock=clock)
    spend(ledger, 10)
    clock.now = datetime(2026, 12, 1, tzinfo=UTC)
    assert ledger.binding("t", "") is None


def test_a_clock_that_goes_back_over_the_turn_of_the_month_finds_what_was_spent() -> None:
    clock = Clock()
    ledger = make(budget(), clock=clock)
    spend(ledger, 10)
    clock.now = datetime(2026, 12, 1, tzinfo=UTC)
    ledger.standings("t", "")
    clock.now = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
    assert ledger.binding("t", "")


@pytest.mark.parametrize("wrong", [datetime(2030, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)], ids=str)
def test_a_clock_that_was_wrong_for_a_while_finds_what_was_spent(wrong: datetime) -> None:
    clock = Clock()
    ledger = make(budget(), clock=clock)
    spend(ledger, 10)
    clock.now = wrong
    assert ledger.binding("t", "") is None
    clock.now = NOW
    assert ledger.binding("t", "")


def test_what_costs_nothing_takes_no_memory() -> None:
    """Clients choose the names of teams and apps; refusals must not let them fill the memory."""
    spent = Spend()
    spent.add("t", "a", 0, (2026, 11))
    assert not spent._months


@pytest.mark.parametrize(
    "change",
    [
        {"event_type": "gpu_compute"},
        {"cost_usd": None},
        {"cost_usd": "1"},
        {"cost_usd": -1},
        {"timestamp": "yesterday"},
        {"timestamp": None},
        {"timestamp": "0001-01-01T00:00:00+23:00"},
        {"timestamp": "9999-12-31T23:59:59-10:00"},
        {"team": 5},
    ],
    ids=str,
)
def test_only_llm_calls_with_a_cost_count_against_a_budget(change: dict[str, Any]) -> None:
    account, month = ("t", ""), (2026, 11)
    assert fold([EVENT | change]).of(account, month) == 0
    assert fold([EVENT, EVENT | change]).of(account, month) == 6_000_000


def test_a_month_is_one_of_utc() -> None:
    assert month_of(datetime.fromisoformat("2026-12-01T01:00:00+02:00")) == (2026, 11)


def test_two_months_can_be_told_apart() -> None:
    total = Spend()
    total.add("t", "a", 5, (2026, 11))
    total.add("t", "a", 7, (2026, 12))
    total.forget_before((2026, 12))
    assert (total.of(("t", "a"), (2026, 11)), total.of(("t", ""), (2026, 12))) == (0, 7)


def test_the_budget_with_least_left_counts_what_was_spent_and_not_what_is_reserved() -> None:
    ledger = make(budget(), budget(app="a", limit=3))
    standings = ledger.standings("t", "a")
    assert ledger.left(standings) == 3 * USD and ledger.left(standings[:1]) == 10 * USD
    spend(ledger, 8.5)
    ledger.reserve("t", "a", USD, "call")
    assert ledger.left(standings) == USD * 3 // 2
    spend(ledger, 2, app="a")
    assert ledger.left(standings) == 0


@pytest.mark.parametrize(
    ("moment", "start", "anew"),
    [
        ("2026-11-28T01:02:03.4+00:00", "2026-11-01", "2026-12-01"),
        ("2026-12-31T23:59:59+00:00", "2026-12-01", "2027-01-01"),
        ("2027-01-01T00:00:00+00:00", "2027-01-01", "2027-02-01"),
        ("2027-01-01T00:30:00+01:00", "2026-12-01", "2027-01-01"),
        ("2026-10-31T23:00:00-02:00", "2026-11-01", "2026-12-01"),
    ],
)
def test_a_window_is_a_month_in_utc(moment: str, start: str, anew: str) -> None:
    window = window_of(datetime.fromisoformat(moment))
    assert (str(window.start)[:10], str(window.starts_anew)[:10]) == (start, anew)
    assert window.start.tzinfo is UTC and str(window.starts_anew)[10:] == " 00:00:00+00:00"


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2999, 1, 1)),
    st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_a_window_is_the_time_whose_spend_is_one_sum(moment: datetime, zone: timezone) -> None:
    when = moment.replace(tzinfo=zone)
    start, anew = window_of(when)
    assert start <= when < anew
    assert month_of(start) == month_of(when) == month_of(anew - timedelta(microseconds=1)) != month_of(anew)
