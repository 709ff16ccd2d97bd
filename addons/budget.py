"""Budgets: refuse a call whose budget is spent, or let it through with a reservation."""

from collections.abc import Awaitable, Callable

from mitmproxy import http

from addons.core import Core
from addons.flow.admission import Admission
from addons.flow.attached import asks_for_websocket, call_of, open_call, untracked_call
from addons.flow.bodies import announced
from addons.flow.guard import guarded
from addons.flow.headers import put
from addons.flow.heavy import HEAVY
from addons.flow.replies import refuse

WARNING_HEADER = "X-ModelTrack-Budget-Warning"


class Budgets:
    def __init__(self, core: Core, admission: Admission) -> None:
        self.core = core
        self._admission = admission

    def failed(self, flow: http.HTTPFlow) -> None:
        if not flow.response:  # otherwise an answer is on its way, and only the warning header is missing
            refuse(flow, call_of(flow), self._admission.unchecked())

    @guarded
    def requestheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Refuse an untracked call if its budget is spent, unless it only reads: a GET that opens no WebSocket."""
        if (call := open_call(flow)) and announced(flow.request) > HEAVY and self.core.ready.is_set():
            # Other calls are refused once their body tells the model. A large body is not taken in for that.
            refuse(flow, call, self._admission.spent(call.attribution.team, call.attribution.app))
            return None
        untracked = untracked_call(flow)
        only_reads = flow.request.method == "GET" and not asks_for_websocket(flow.request)
        if not untracked or flow.response or only_reads:
            return None
        return self._when_ready(lambda: refuse(flow, None, self._admission.check_spent(untracked.team, untracked.app)))

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
