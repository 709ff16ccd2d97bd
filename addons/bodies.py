"""Bodies: refuse a request by the size that its head announces, and count what is held in memory of all bodies.

What comes without a length is looked at as it comes, in addons/engine/fixes/bounded_bodies.py.
"""

from collections.abc import Awaitable

from mitmproxy import connection, http

from addons.core import Core
from addons.flow.attached import call_of, untracked_call
from addons.flow.bodies.bounds import announced, may_hold_answer, pass_on, refuse_by_head, release
from addons.flow.bodies.heavy import HEAVY_PACKED, apart, is_heavy
from addons.flow.guard import guarded
from addons.flow.headers import header
from addons.flow.measure import read_answer
from addons.flow.replies import refuse
from addons.llm.call import CallState, LLMCall
from addons.llm.denial import Denial

_FAILED = Denial(500, "proxy_error", "ModelTrack could not handle the request; its log says why.", retry_after=1)


class Bodies:
    def __init__(self, core: Core) -> None:
        self.core = core

    def failed(self, flow: http.HTTPFlow) -> None:
        if not flow.response:
            refuse(flow, call_of(flow) or untracked_call(flow), _FAILED)

    @guarded
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if flow.live and not flow.response and not flow.error:
            refuse_by_head(self.core, flow)

    @guarded
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Have an answer that is announced to be too large pass on as it comes, where it does not do so anyway."""
        response = flow.response
        if response is None or response.stream or response.raw_content is not None:
            return
        if (size := announced(response)) and not may_hold_answer(self.core, flow, size):
            pass_on(self.core, flow)

    @guarded
    def response(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Give back what was held, and have a large answer read before the call is measured by it."""
        release(self.core, flow)
        call, response = call_of(flow), flow.response
        if not call or not response or call.state is not CallState.SENT or call.meter:
            return None
        size = len(response.raw_content or b"")
        if size <= HEAVY_PACKED:
            return None
        is_packed = bool(header(response.headers, b"content-encoding"))
        return _read_apart(call, response) if is_heavy(size, is_packed) else None

    @guarded
    def error(self, flow: http.HTTPFlow) -> None:
        release(self.core, flow)

    def client_disconnected(self, client: connection.Client) -> None:
        self.core.held.release_all(client.id)


async def _read_apart(call: LLMCall, response: http.Response) -> None:
    call.answer = await apart(read_answer, call, response)
