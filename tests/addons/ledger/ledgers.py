"""Make a ledger whose clock the test moves."""

from datetime import UTC, datetime
from typing import Any

from addons.ledger.budgets import Budget, BudgetsFile
from addons.ledger.spend import Ledger

USD = 10**9
NOW = datetime(2026, 11, 24, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOW
        self.seconds = 0.0
        self.under_way: set[str] = set()


def budget(team: str = "t", app: str = "", limit: float = 10, action: Any = "block") -> Budget:
    return Budget(team=team, app=app, monthly_limit=limit, action=action)


def make(*budgets: Budget, clock: Clock | None = None) -> Ledger:
    clock = clock or Clock()
    ledger = Ledger(lambda: clock.now, lambda: clock.seconds, clock.under_way.__contains__)
    ledger.budgets = BudgetsFile(budgets=list(budgets))
    return ledger


EVENT = {"event_type": "llm_api", "timestamp": "2026-11-02T00:00:00Z", "cost_usd": 0.006, "team": "t", "app_id": "a"}
