"""BudgetGate: refuse a request whose budget is spent, or admit it with a reservation."""

import asyncio
import logging

from mitmproxy import http

from addons.core import Core
from addons.flow_call import call_of, open_call, untracked_call
from addons.guard import guarded_async
from addons.ledger.spend import WARN_PERCENT, Refusal, highest, refusal_of
from addons.llm.call import LLMCall
from addons.llm.usage import Usage
from addons.replies import refuse

logger = logging.getLogger(__name__)

WARNING_HEADER = "X-ModelTrack-Budget-Warning"

_READY_SECONDS = 60
"""How long a request waits for the ledger at start; reading a month of a large log takes seconds."""


class BudgetGate:
    def __init__(self, core: Core) -> None:
        self.core = core
        self._logged: dict[tuple[str, str], int] = {}

    def failed(self, flow: http.HTTPFlow) -> None:
        """Called as well where the check cannot be made: see BUDGET_FAILURE_MODE."""
        call = call_of(flow)
        if self.core.settings.budget_failure_mode == "open":
            logger.warning(
                "a request is let through although its budget could not be checked (BUDGET_FAILURE_MODE=open)"
            )
            return
        if call:
            call.blocked_by = "budget"
        message = "The budget of this request cannot be checked now, so it is refused (BUDGET_FAILURE_MODE=closed)."
        refuse(flow, call, 503, "budget_check_failed", message, retry_after=5)

    @guarded_async
    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Calls that are only passed on still need a budget that is not spent, unless they merely read."""
        untracked = untracked_call(flow)
        if not untracked or flow.response or flow.request.method == "GET":
            return
        await self._until_ready()
        refusal = self.core.ledger.refusal(untracked.team, untracked.app)
        if refusal and refusal.is_final:
            self.core.counts.blocked += 1
            self._refuse(flow, None, refusal)

    @guarded_async
    async def request(self, flow: http.HTTPFlow) -> None:
        call = open_call(flow)
        if not call:
            return
        await self._until_ready()
        if open_call(flow):  # the client may have gone, or the proxy be stopping
            self._admit(flow, call)

    async def _until_ready(self) -> None:
        """Raises TimeoutError."""
        if not self.core.ready.is_set():
            await asyncio.wait_for(self.core.ready.wait(), _READY_SECONDS)

    def _admit(self, flow: http.HTTPFlow, call: LLMCall) -> None:
        """Without awaiting anything, so that no other request comes between the check and the reservation."""
        team, app = call.attribution.team, call.attribution.app
        ledger = self.core.ledger
        if ledger.is_blocking(team, app):
            self.core.count_others()
            if self.core.log.error:
                self.failed(flow)  # what is spent now is not written down, and lost if the proxy stops
                if flow.response:
                    return
        call.standings = ledger.standings(team, app)
        if refusal := refusal_of(call.standings):
            call.blocked_by = "budget"
            self._refuse(flow, call, refusal)
            return
        if not self._check_price(flow, call):
            return
        self._warn(call)
        call.ticket = ledger.reserve(team, app, self._highest_cost(call), flow.id)

    def _check_price(self, flow: http.HTTPFlow, call: LLMCall) -> bool:
        if self.core.settings.unknown_model_price == "warn" or self.core.has_price(call, call.model):
            return True
        call.blocked_by = "unknown_model"
        message = (
            f"Model '{call.model[:256]}' has no known price, so it is refused (UNKNOWN_MODEL_PRICE=block)."
            " Use a model that has one, or give it a price in pricing.json."
        )
        refuse(flow, call, 403, "unknown_model", message)
        return False

    def _refuse(self, flow: http.HTTPFlow, call: LLMCall | None, refusal: Refusal) -> None:
        budget = refusal.standing.budget
        whose = f" This budget is for app '{budget.app}'." if budget.app else ""
        if refusal.is_final:
            message = f"{refusal.standing.exceeded_message()}.{whose} Raise it in budgets.json, or wait for next month."
            refuse(flow, call, 429, "budget_exceeded", message)
            self._log(refusal.standing.budget.team, budget.app, refusal.standing.percent, message)
        else:
            message = (
                f"The rest of the monthly budget of team '{budget.team}' is reserved for calls in flight.{whose}"
                " Try again in a moment."
            )
            refuse(flow, call, 429, "budget_reserved", message, retry_after=1)

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
