"""Admission: decide whether a call may go upstream, and hold its reservation until it ends.

addons/budget.py uses it for calls that are requests of their own, addons/websockets.py for those on a WebSocket.
"""

import asyncio
import logging
from collections.abc import Callable

from addons.core import Core
from addons.flow.caller import model_denial, revocation
from addons.flow.guard import describe
from addons.flow.reservation import highest_cost
from addons.ledger.budgets import Standing
from addons.ledger.spend import WARN_PERCENT, binding_of, highest
from addons.ledger.windows import window_of
from addons.llm.call import LLMCall, UntrackedCall
from addons.llm.denial import Denial, budget_spent

logger = logging.getLogger(__name__)

_READY_SECONDS = 60
"""How long a call waits for the ledger at start; reading a month of a large log takes seconds."""

_UNCHECKED = Denial(
    503,
    "budget_check_failed",
    "The budget of this request cannot be checked now, so it is refused (BUDGET_FAILURE_MODE=closed).",
    retry_after=5,
    blocked_by="budget",
)
_UNMETERED_TEXT = "What this request costs cannot be metered, so it is refused"
_UNMETERED = Denial(403, "unmetered", f"{_UNMETERED_TEXT} (UNMETERED=block).", blocked_by="unmetered")
_GUARDED = Denial(
    403,
    "unmetered",
    f"{_UNMETERED_TEXT}: a blocking budget covers it (UNMETERED=guard). UNMETERED=pass lets such requests through.",
    blocked_by="unmetered",
)


class Admission:
    def __init__(self, core: Core) -> None:
        self.core = core
        self._logged: dict[tuple[str, str], int] = {}
        """The percent of a budget that was logged last, by team and app."""

    async def until_ready(self) -> None:
        """Wait until the ledger knows what was spent. Raises TimeoutError after `_READY_SECONDS`."""
        if not self.core.ready.is_set():
            await asyncio.wait_for(self.core.ready.wait(), _READY_SECONDS)

    async def decide(self, decision: Callable[[], Denial | None]) -> Denial | None:
        """Return what `decision` returns once the ledger is ready; if that fails, return what `unchecked` does."""
        try:
            await self.until_ready()
            return decision()
        except Exception as error:
            logger.error("a budget could not be checked: %s", describe(error))
            return self.unchecked()

    def unchecked(self) -> Denial | None:
        """Refuse a call whose budget cannot be checked, or let it through: BUDGET_FAILURE_MODE decides."""
        if self.core.settings.budget_failure_mode != "open":
            return _UNCHECKED
        logger.warning("a request is let through although its budget could not be checked (BUDGET_FAILURE_MODE=open)")
        return None

    def admit(self, call: LLMCall, key: str) -> Denial | None:
        """Reserve what the call may cost, or return why it is refused. `key` is the call's key in `core.live`.

        Nothing is awaited here, so that no other call comes between the check and the reservation.
        """
        if call.key and (denial := revocation(self.core, call.key) or model_denial(call.key, call.model)):
            return denial
        team, app = call.attribution.team, call.attribution.app
        ledger = self.core.ledger
        if ledger.is_blocking(team, app):
            self.core.count_others()
            # The log cannot be written, so what is spent now would be forgotten if the proxy stopped.
            if self.core.log.error and (denial := self.unchecked()):
                return denial
        call.standings = ledger.standings(team, app)
        if standing := binding_of(call.standings):
            return self._denial(standing)
        if denial := self._unpriced(call):
            return denial
        self._warn(call)
        self.reserve(call, key)
        return None

    def check_unmetered(self, call: UntrackedCall) -> Denial | None:
        """Return why a request is refused that may cost money and cannot be metered: UNMETERED decides.

        Where it lets through, a spent budget refuses.
        """
        if call.key and (denial := model_denial(call.key, "")):
            return denial
        team, app = call.attribution.team, call.attribution.app
        match self.core.settings.unmetered:
            case "block":
                return _UNMETERED
            case "guard" if self.core.ledger.is_blocking(team, app):
                return _GUARDED
        return self.spent(team, app)

    def check_spent(self, team: str, app: str) -> Denial | None:
        """Refuse a message on a WebSocket that is no call if its budget is spent."""
        denial = self.spent(team, app)
        self.core.counts.blocked += denial is not None
        return denial

    def spent(self, team: str, app: str) -> Denial | None:
        """Return the refusal of a spent budget. Reservations do not count against it."""
        standing = self.core.ledger.binding(team, app)
        return self._denial(standing) if standing and standing.is_exceeded else None

    def reserve(self, call: LLMCall, key: str) -> None:
        """Reserve what the call is likely to cost at most, even if its budget has less left."""
        team, app = call.attribution.team, call.attribution.app
        call.ticket = self.core.ledger.reserve(team, app, highest_cost(self.core, call), key)

    def _unpriced(self, call: LLMCall) -> Denial | None:
        if self.core.settings.unknown_model_price == "warn" or self.core.has_price(call, call.model):
            return None
        message = (
            f"Model '{call.model[:256]}' has no known price, so it is refused (UNKNOWN_MODEL_PRICE=block)."
            " Use a model that has one, or give it a price in pricing.json."
        )
        return Denial(403, "unknown_model", message, blocked_by="unknown_model")

    def _denial(self, standing: Standing) -> Denial:
        budget = standing.budget
        whose = f" This budget is for app '{budget.app}'." if budget.app else ""
        if standing.is_exceeded:
            reason = f"{standing.exceeded_message()}.{whose}".removesuffix(".")
            denial = budget_spent(self.core.settings.refusal_status, reason, window_of(self.core.now()).starts_anew)
            self._log(standing, denial.message)
            return denial
        message = (
            f"The rest of the monthly budget of team '{budget.team}' is reserved for calls in flight.{whose}"
            " Try again in a moment."
        )
        return Denial(429, "budget_reserved", message, retry_after=1, blocked_by="budget")

    def _warn(self, call: LLMCall) -> None:
        worst = highest(call.standings)
        if worst and worst.percent >= WARN_PERCENT:
            call.budget_warning = worst.warning()
            self._log(worst, call.budget_warning)

    def _log(self, standing: Standing, message: str) -> None:
        """Log a message about a budget once for each percent spent, rather than for each call."""
        account = standing.budget.team, standing.budget.app
        if self._logged.get(account) != standing.percent:
            self._logged[account] = standing.percent
            logger.warning("%s", message)
