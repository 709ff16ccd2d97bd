"""Budgets: refuse a call whose budget is spent, or let it through with a reservation."""

from collections.abc import Awaitable, Callable

from mitmproxy import http

from addons.core import Core
from addons.flow.admission import Admission
from addons.flow.attached import call_of, open_call, untracked_call
from addons.flow.bodies.bounds import announced
from addons.flow.bodies.heavy import HEAVY
from addons.flow.caller import may_name_team
from addons.flow.guard import guarded
from addons.flow.headers import put
from addons.flow.replies import refuse

WARNING_HEADER = "X-ModelTrack-Budget-Warning"


class Budgets:
    def __init__(self, core: Core, admission: Admission) -> None:
        self.core = core
        self._admission = admission

    def failed(self, flow: http.HTTPFlow) -> None:
        if not flow.response:  # otherwise an answer is on its way, and only the warning header is missing
            refuse(flow, call_of(flow) or untracked_call(flow), self._admission.unchecked())

    @guarded
    def requestheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Decide on a request that may cost money and cannot be metered, before its body comes. Others pass.

        A call is decided on once its body tells the model; a large body is not taken in for that.
        """
        if (metered := open_call(flow)) and announced(flow.request) > HEAVY and self.core.ready.is_set():
            who = metered.attribution
            if not may_name_team(self.core, metered):
                refuse(flow, metered, self._admission.spent(who.team, who.app))
            return None
        call = untracked_call(flow)
        if not call or not call.may_cost or flow.response:
            return None
        return self._when_ready(lambda: refuse(flow, call, self._admission.check_unmetered(call)))

    @guarded
    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        return self._when_ready(lambda: self._admit(flow)) if open_call(flow) else None

    def _admit(self, flow: http.HTTPFlow) -> None:
        if call := open_call(flow):  # meanwhile the client may have gone, or the proxy may be stopping
            refuse(flow, call, self._admission.admit(call, flow.id))

    def _when_ready(self, act: Callable[[], None]) -> Awaitable[None] | None:
        """Act at once if the ledger is ready; in the first moments after the start, return what to await instead."""
        if self.core.ready.is_set():
            act()
            return None

        async def wait() -> None:
            await self._admission.until_ready()
            act()

        return wait()

    @guarded
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if (call := call_of(flow)) and call.budget_warning and flow.response:
            put(flow.response.headers, {WARNING_HEADER: call.budget_warning})
