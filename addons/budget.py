"""BudgetGate: refuse a request whose budget is spent, or admit it with a reservation."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from mitmproxy import http

from addons.core import Core
from addons.flow.attached import asks_for_websocket, call_of, open_call, untracked_call
from addons.flow.guard import describe, guarded
from addons.flow.replies import deny
from addons.ledger.spend import WARN_PERCENT, Refusal, highest, refusal_of
from addons.llm.call import Denial, LLMCall
from addons.llm.usage import Usage

logger = logging.getLogger(__name__)

WARNING_HEADER = "X-ModelTrack-Budget-Warning"

_READY_SECONDS = 60
"""How long a request waits for the ledger at start; reading a month of a large log takes seconds."""


class BudgetGate:
    def __init__(self, core: Core) -> None:
        self.core = core
        self._logged: dict[tuple[str, str], int] = {}

    def failed(self, flow: http.HTTPFlow) -> None:
        call = call_of(flow)
        deny(flow, call, self._unchecked(call))

    def _unchecked(self, call: LLMCall | None) -> Denial | None:
        """Where the check cannot be made: see BUDGET_FAILURE_MODE."""
        if self.core.settings.budget_failure_mode == "open":
            logger.warning(
                "a request is let through although its budget could not be checked (BUDGET_FAILURE_MODE=open)"
            )
            return None
        if call:
            call.blocked_by = "budget"
        message = "The budget of this request cannot be checked now, so it is refused (BUDGET_FAILURE_MODE=closed)."
        return Denial(503, "budget_check_failed", message, retry_after=5)

    @guarded
    def requestheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Calls that are only passed on still need a budget that is not spent, unless they merely read."""
        untracked = untracked_call(flow)
        merely_reads = flow.request.method == "GET" and not asks_for_websocket(flow.request)
        if not untracked or flow.response or merely_reads:
            return None
        return self._when_ready(lambda: deny(flow, None, self._spent(untracked.team, untracked.app)))

    def _spent(self, team: str, app: str) -> Denial | None:
        refusal = self.core.ledger.refusal(team, app)
        if not refusal or not refusal.is_final:
            return None
        self.core.counts.blocked += 1
        return self._denial(refusal)

    @guarded
    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        return self._when_ready(lambda: self._decide(flow)) if open_call(flow) else None

    def _decide(self, flow: http.HTTPFlow) -> None:
        if call := open_call(flow):  # the client may have gone meanwhile, or the proxy be stopping
            deny(flow, call, self._admit(call, flow.id))

    def _when_ready(self, act: Callable[[], None]) -> Awaitable[None] | None:
        """At once if the ledger is, which it is but for the first moments."""
        if self.core.ready.is_set():
            act()
            return None

        async def wait() -> None:
            await self._until_ready()
            act()

        return wait()

    async def check(self, call: LLMCall, key: str) -> Denial | None:
        """For calls that are not requests of their own: as `request`, whatever goes wrong. `key`: in core.live."""
        try:
            await self._until_ready()
            return self._admit(call, key)
        except Exception as error:
            logger.error("BudgetGate.check failed: %s", describe(error))
            return self._unchecked(call)

    async def check_untracked(self, call: LLMCall) -> Denial | None:
        """For what is only passed on in the name of `call`: as `requestheaders`, whatever goes wrong."""
        try:
            await self._until_ready()
            return self._spent(call.attribution.team, call.attribution.app)
        except Exception as error:
            logger.error("BudgetGate.check_untracked failed: %s", describe(error))
            return self._unchecked(None)

    def reserve(self, call: LLMCall, key: str) -> None:
        """What the call is likely to cost at most, whether its budget has that or not."""
        team, app = call.attribution.team, call.attribution.app
        call.ticket = self.core.ledger.reserve(team, app, self._highest_cost(call), key)

    async def _until_ready(self) -> None:
        """Raises TimeoutError."""
        if not self.core.ready.is_set():
            await asyncio.wait_for(self.core.ready.wait(), _READY_SECONDS)

    def _admit(self, call: LLMCall, key: str) -> Denial | None:
        """Without awaiting anything, so that no other request comes between the check and the reservation."""
        team, app = call.attribution.team, call.attribution.app
        ledger = self.core.ledger
        if ledger.is_blocking(team, app):
            self.core.count_others()
            # What is spent now is not written down, and lost if the proxy stops.
            if self.core.log.error and (denial := self._unchecked(call)):
                return denial
        call.standings = ledger.standings(team, app)
        if refusal := refusal_of(call.standings):
            call.blocked_by = "budget"
            return self._denial(refusal)
        if denial := self._unpriced(call):
            return denial
        self._warn(call)
        self.reserve(call, key)
        return None

    def _unpriced(self, call: LLMCall) -> Denial | None:
        if self.core.settings.unknown_model_price == "warn" or self.core.has_price(call, call.model):
            return None
        call.blocked_by = "unknown_model"
        message = (
            f"Model '{call.model[:256]}' has no known price, so it is refused (UNKNOWN_MODEL_PRICE=block)."
            " Use a model that has one, or give it a price in pricing.json."
        )
        return Denial(403, "unknown_model", message)

    def _denial(self, refusal: Refusal) -> Denial:
        budget = refusal.standing.budget
        whose = f" This budget is for app '{budget.app}'." if budget.app else ""
        if refusal.is_final:
            message = f"{refusal.standing.exceeded_message()}.{whose} Raise it in budgets.json, or wait for next month."
            self._log(refusal.standing.budget.team, budget.app, refusal.standing.percent, message)
            return Denial(429, "budget_exceeded", message)
        message = (
            f"The rest of the monthly budget of team '{budget.team}' is reserved for calls in flight.{whose}"
            " Try again in a moment."
        )
        return Denial(429, "budget_reserved", message, retry_after=1)

    def _warn(self, call: LLMCall) -> None:
        worst = highest(call.standings)
        if not worst or worst.percent < WARN_PERCENT:
            return
        call.response_headers[WARNING_HEADER] = worst.warning()
        self._log(worst.budget.team, worst.budget.app, worst.percent, worst.warning())

    def _log(self, team: str, app: str, percent: int, message: str) -> None:
        """Once for each percent, rather than for each request."""
        if self._logged.get((team, app)) != percent:
            self._logged[team, app] = percent
            logger.warning("%s", message)

    def _highest_cost(self, call: LLMCall) -> int:
        """Nano-USD that the call is likely to cost at most; 0 where the model's price is not known."""
        request = call.request
        if request is None:
            return 0
        usage = Usage(input_tokens=request.input_tokens, output_tokens=request.max_output_tokens)
        return self.core.cost(call, call.model, usage) or 0
