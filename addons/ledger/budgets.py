"""data/budgets.json: what a team, or one of its apps, may spend in a calendar month (UTC), and what then happens."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from addons.ledger.money import NANOS_PER_USD, format_usd, to_nanos
from addons.ledger.names import accounts_of, compared


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("must be a number")
    return value


def _some_nanos(value: Decimal) -> Decimal:
    if not to_nanos(value):
        raise ValueError("must be at least 0.000000001")
    return value


def visible(value: str) -> str:
    if value and not compared(value):
        raise ValueError("must have a character that can be seen")
    return value


Usd = Annotated[
    Decimal, BeforeValidator(_number), Field(gt=0, le=10**9, allow_inf_nan=False), AfterValidator(_some_nanos)
]
Name = Annotated[str, Field(max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Budget(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    team: Annotated[Name, AfterValidator(visible)] = Field(min_length=1)
    app: Name = ""
    """Where it is empty, the budget covers all apps of the team, and calls without an app."""
    monthly_limit: Usd
    action: Literal["block", "warn"]

    @cached_property
    def limit_nanos(self) -> int:
        return to_nanos(self.monthly_limit)

    @cached_property
    def account(self) -> tuple[str, str]:
        """Return team and app in the form in which names are compared."""
        return compared(self.team), compared(self.app)


class BudgetsFile(BaseModel):
    """data/budgets.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    budgets: list[Budget] = Field(default_factory=list)

    @model_validator(mode="after")
    def _are_unique(self) -> "BudgetsFile":
        seen: set[tuple[str, str]] = set()
        for budget in self.budgets:
            if budget.account in seen:
                raise ValueError(f"two budgets are for team {budget.team!r} and app {budget.app!r}")
            seen.add(budget.account)
        return self

    @cached_property
    def by_account(self) -> Mapping[tuple[str, str], Budget]:
        return {budget.account: budget for budget in self.budgets}

    def covering(self, team: str, app: str) -> list[Budget]:
        """Return the budgets that a call of this team and app must keep: the team's, and the app's."""
        budgets = self.by_account
        return [budgets[account] for account in accounts_of(team, app) if account in budgets]


@dataclass(frozen=True, slots=True)
class Standing:
    """Says how much of a budget was spent this month, and how much is reserved, in nano-USD."""

    budget: Budget
    spent: int
    reserved: int

    @property
    def percent(self) -> int:
        """Return the share that was spent, in percent, rounded down: 100 means that nothing is left."""
        return self.spent * 100 // self.budget.limit_nanos

    @property
    def exact_percent(self) -> float:
        return self.spent * 100 / self.budget.limit_nanos

    @property
    def is_exceeded(self) -> bool:
        return self.spent >= self.budget.limit_nanos

    @property
    def is_taken(self) -> bool:
        """Tell whether spend and reservations together leave nothing. A retry may then succeed in a moment."""
        return self.spent + self.reserved >= self.budget.limit_nanos

    def exceeded_message(self) -> str:
        return (
            f"Team '{self.budget.team}' has exceeded monthly budget of {format_usd(self.budget.limit_nanos)}"
            f" (current: {format_usd(self.spent)})"
        )

    def warning(self) -> str:
        return (
            f"Team '{self.budget.team}' at {self.percent}% of monthly budget"
            f" ({format_usd(self.spent)}/{format_usd(self.budget.limit_nanos)})"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the standing as /stats shows it, in USD."""
        return {
            "team": self.budget.team,
            "app": self.budget.app,
            "action": self.budget.action,
            "monthly_limit_usd": self.budget.limit_nanos / NANOS_PER_USD,
            "spend_usd": self.spent / NANOS_PER_USD,
            "reserved_usd": self.reserved / NANOS_PER_USD,
            "percent": round(self.exact_percent, 2),
        }
