"""Test that the sums are those of the log, whatever happens in whatever order."""

from collections import defaultdict
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from addons.ledger.budgets import BudgetsFile
from addons.ledger.spend import TICKET_SECONDS, Ticket, fold, month_of
from tests.addons.ledger.ledgers import EVENT, USD, Clock, budget, make

teams = st.sampled_from(["t", "u"])
apps = st.sampled_from(["", "a", "b"])
amounts = st.integers(0, 5 * USD)


class AnyOrder(RuleBasedStateMachine):
    """Admissions, settlements, cancellations, reloads, restarts and the passing of time."""

    tickets: Bundle[Ticket] = Bundle("tickets")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.log: list[dict[str, Any]] = []
        self.live: dict[int, Ticket] = {}
        self.deadlines: dict[int, float] = {}
        self.calls = count()
        self.start()

    def start(self) -> None:
        self.budgets = [budget("t", "", 10), budget("t", "a", 3), budget("u", "", 5, "warn")]
        self.ledger = make(*self.budgets, clock=self.clock)
        self.live.clear()
        self.clock.under_way.clear()

    def log_event(self, team: str, app: str, nanos: int) -> None:
        when = self.clock.now.isoformat()
        self.log.append(EVENT | {"timestamp": when, "team": team, "app_id": app, "cost_usd": nanos / USD})

    @rule(target=tickets, team=teams, app=apps, nanos=amounts, stays=st.booleans())
    def admit(self, team: str, app: str, nanos: int, stays: bool) -> Any:
        covering = [b for b in self.budgets if b.team == team and b.app in ("", app) and b.action == "block"]
        spent, reserved = self.sums()
        full = any(spent[b.team, b.app] + reserved[b.team, b.app] >= b.limit_nanos for b in covering)
        assert bool(self.ledger.binding(team, app)) == full
        call = str(next(self.calls))
        if stays:
            self.clock.under_way.add(call)
        ticket = self.ledger.reserve(team, app, nanos, call)
        self.live[ticket.number] = ticket
        self.deadlines[ticket.number] = self.clock.seconds + TICKET_SECONDS
        return ticket

    @rule(ticket=consumes(tickets), nanos=amounts)
    def settle(self, ticket: Ticket, nanos: int) -> None:
        self.ledger.settle(ticket, ticket.team, ticket.app, nanos, self.clock.now)
        self.log_event(ticket.team, ticket.app, nanos)
        self.forget(ticket)

    @rule(ticket=tickets)
    def cancel(self, ticket: Ticket) -> None:
        self.ledger.release(ticket)
        self.forget(ticket)

    def forget(self, ticket: Ticket) -> None:
        if self.live.get(ticket.number) is ticket:
            del self.live[ticket.number]

    @rule(limit=st.integers(1, 20))
    def reload(self, limit: int) -> None:
        self.budgets = [budget("t", "", limit), budget("u", "b", limit)]
        self.ledger.budgets = BudgetsFile(budgets=self.budgets)

    @rule(days=st.integers(-1, 40))
    def pass_time(self, days: int) -> None:
        self.clock.now += timedelta(days=days)

    @rule(days=st.integers(-500, 500))
    def be_wrong_about_the_time_for_a_while(self, days: int) -> None:
        now = self.clock.now
        self.clock.now += timedelta(days=days)
        self.ledger.binding("t", "a")
        self.clock.now = now

    @rule(seconds=st.integers(1, TICKET_SECONDS))
    def let_tickets_expire(self, seconds: int) -> None:
        self.clock.seconds += seconds
        for number, ticket in list(self.live.items()):
            if self.deadlines[number] <= self.clock.seconds:
                if ticket.call_id in self.clock.under_way:
                    self.deadlines[number] = self.clock.seconds + TICKET_SECONDS
                else:
                    del self.live[number]

    @rule(team=teams, app=apps, nanos=amounts)
    def another_proxy_spends(self, team: str, app: str, nanos: int) -> None:
        self.log_event(team, app, nanos)
        self.ledger.restore(fold(self.log[-1:]))

    @rule()
    def restart(self) -> None:
        self.start()
        self.ledger.restore(fold(self.log))

    def sums(self) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], int]]:
        spent: defaultdict[tuple[str, str], int] = defaultdict(int)
        reserved: defaultdict[tuple[str, str], int] = defaultdict(int)
        for event in self.log:
            if month_of(datetime.fromisoformat(event["timestamp"])) == month_of(self.clock.now):
                for app in {"", event["app_id"]}:
                    spent[event["team"], app] += round(event["cost_usd"] * USD)
        for ticket in self.live.values():
            for app in {"", ticket.app}:
                reserved[ticket.team, app] += ticket.nanos
        return spent, reserved

    @invariant()
    def the_sums_are_right(self) -> None:
        spent, reserved = self.sums()
        for standing in self.ledger.all_standings():
            account = standing.budget.team, standing.budget.app
            assert (standing.spent, standing.reserved) == (spent[account], reserved[account])
            assert standing.spent >= 0 and standing.reserved >= 0
        assert self.ledger.reserved_nanos == sum(ticket.nanos for ticket in self.live.values())


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
