"""Keep what was spent this month and what is reserved for calls in flight: whole nano-USD, by team and by team and app.

Each admitted call holds a ticket over its highest likely cost until its event is written, so that a burst overshoots a
blocking budget by at most the last call admitted.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from operator import attrgetter
from typing import Any

from addons.ledger.budgets import Budget, BudgetsFile, Standing
from addons.ledger.log_reader import event_time, is_call, text
from addons.ledger.money import logged_nanos
from addons.ledger.names import Account, accounts_of

logger = logging.getLogger(__name__)

TICKET_SECONDS = 3600
"""After this long a ticket expires, unless its call is still under way: then it is renewed. It is a last resort: every
way out of a call gives its ticket back."""

_MONTHS_KEPT = 3
"""More than one month is kept so that a clock which was wrong for a while, or is set back, finds what was spent."""

WARN_PERCENT = 80

Month = tuple[int, int]


def month_of(moment: datetime) -> Month:
    moment = moment.astimezone(UTC)
    return moment.year, moment.month


class Spend:
    """Sums of nano-USD by account and month."""

    def __init__(self) -> None:
        self._months: dict[Month, defaultdict[Account, int]] = {}

    def add(self, team: str, app: str, nanos: int, month: Month) -> None:
        if not nanos:
            return  # clients may send any number of names with calls that cost nothing
        totals = self._months.setdefault(month, defaultdict(int))
        for account in accounts_of(team, app):
            totals[account] += nanos

    def of(self, account: Account, month: Month) -> int:
        totals = self._months.get(month)
        return totals.get(account, 0) if totals else 0

    def include(self, other: "Spend") -> None:
        for month, totals in other._months.items():
            mine = self._months.setdefault(month, defaultdict(int))
            for account, nanos in totals.items():
                mine[account] += nanos

    def forget_before(self, month: Month) -> None:
        for old in [m for m in self._months if m < month]:
            del self._months[old]

    def forget_old(self, current: Month) -> None:
        """Drop all months but the last few, and keep the current one whatever the clock said meanwhile."""
        for old in sorted(self._months.keys() - {current})[: 1 - _MONTHS_KEPT]:
            del self._months[old]


@dataclass(slots=True)
class Ticket:
    """A reservation. Give it back with `settle` or `release`; to do so twice does no harm."""

    number: int
    team: str
    app: str
    nanos: int
    call_id: str
    expires: float = field(compare=False)


class Ledger:
    """Spend and reservations against the budgets in force. For one thread."""

    def __init__(
        self, now: Callable[[], datetime], monotonic: Callable[[], float], is_under_way: Callable[[str], bool]
    ) -> None:
        """`is_under_way` tells by its id whether a call whose ticket expires still runs."""
        self.budgets = BudgetsFile()
        self._is_under_way = is_under_way
        self._now = now
        self._monotonic = monotonic
        self._spend = Spend()
        self._month: Month = (0, 0)
        self._reserved: defaultdict[Account, int] = defaultdict(int)
        self._tickets: dict[int, Ticket] = {}  # oldest first, and so in the order in which they expire
        self._numbers = count(1)

    @property
    def reserved_nanos(self) -> int:
        self._expire()
        return sum(ticket.nanos for ticket in self._tickets.values())

    def restore(self, spend: Spend) -> None:
        """Add what an event log says was spent."""
        self._spend.include(spend)

    def standings(self, team: str, app: str) -> list[Standing]:
        """Return the standings of the budgets that cover such a call."""
        return self._standings(self.budgets.covering(team, app))

    def all_standings(self) -> list[Standing]:
        return self._standings(self.budgets.budgets)

    def _standings(self, budgets: list[Budget]) -> list[Standing]:
        self._expire()
        month = self._current_month() if budgets else (0, 0)
        accounts = ((budget, budget.account) for budget in budgets)
        return [Standing(b, self._spend.of(account, month), self._reserved.get(account, 0)) for b, account in accounts]

    def left(self, standings: Iterable[Standing]) -> int:
        """Return the nano-USD that the budget with least left has now, of those of these standings; never below 0.

        What calls in flight have reserved counts as left. The month is that of the last call that began or ended.
        """
        of, month = self._spend.of, self._month
        return max(0, min([s.budget.limit_nanos - of(s.budget.account, month) for s in standings]))

    def is_blocking(self, team: str, app: str) -> bool:
        """Tell whether a budget that covers such a call may ever refuse it."""
        return any(budget.action == "block" for budget in self.budgets.covering(team, app))

    def binding(self, team: str, app: str) -> Standing | None:
        """Return the blocking budget that stands in the way of such a call now."""
        return binding_of(self.standings(team, app))

    def reserve(self, team: str, app: str, nanos: int, call_id: str) -> Ticket:
        """Reserve the amount for a call that no budget stands in the way of."""
        ticket = Ticket(next(self._numbers), team, app, max(nanos, 0), call_id, self._monotonic() + TICKET_SECONDS)
        self._tickets[ticket.number] = ticket
        for account in accounts_of(team, app):
            self._reserved[account] += ticket.nanos
        return ticket

    def release(self, ticket: Ticket | None) -> None:
        """Give a ticket back. A ticket that is back already, or None, changes nothing."""
        if ticket is None or self._tickets.get(ticket.number) is not ticket:
            return
        del self._tickets[ticket.number]
        for account in accounts_of(ticket.team, ticket.app):
            self._reserved[account] -= ticket.nanos
            if not self._reserved[account]:
                del self._reserved[account]

    def settle(self, ticket: Ticket | None, team: str, app: str, nanos: int, when: datetime) -> None:
        """Replace a call's reservation by what it cost."""
        self.release(ticket)
        self._spend.add(team, app, nanos, self._enter(month_of(when)))

    def _current_month(self) -> Month:
        return self._enter(month_of(self._now()))

    def _enter(self, month: Month) -> Month:
        if month != self._month:
            self._spend.forget_old(month)
            self._month = month
        return month

    def _expire(self) -> None:
        now = self._monotonic()
        while self._tickets:
            oldest = next(iter(self._tickets.values()))
            if oldest.expires > now:
                return
            if self._is_under_way(oldest.call_id):
                oldest.expires = now + TICKET_SECONDS
                self._tickets[oldest.number] = self._tickets.pop(oldest.number)  # to the end of the queue
            else:
                self.release(oldest)
                logger.error("a reservation of %d nano-USD expired, which no call gave back", oldest.nanos)


def binding_of(standings: list[Standing]) -> Standing | None:
    """Return the blocking budget that stands in the way of one more call: a spent one before one that is reserved."""
    blocking = [standing for standing in standings if standing.budget.action == "block"]
    spent = next((standing for standing in blocking if standing.is_exceeded), None)
    return spent or next((standing for standing in blocking if standing.is_taken), None)


def highest(standings: list[Standing]) -> Standing | None:
    return max(standings, key=_percent) if standings else None


_percent = attrgetter("exact_percent")


def fold(events: Iterable[Mapping[str, Any]]) -> Spend:
    """Sum what the calls among these events of the log cost. Events without a cost or a time count nothing."""
    spend = Spend()
    for event in events:
        nanos, when = logged_nanos(event.get("cost_usd")), event_time(event)
        if nanos and nanos > 0 and when and is_call(event):
            with suppress(OverflowError):  # the year 1 or 9999, elsewhere than in UTC
                spend.add(text(event, "team"), text(event, "app_id"), nanos, month_of(when))
    return spend
