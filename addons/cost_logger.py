"""CostLogger: meter the answer as it passes, price it, write its event, settle its reservation."""

import asyncio
import logging
from collections.abc import Awaitable

import orjson
from mitmproxy import connection, ctx, http
from mitmproxy.flow import Error
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook

from addons.core import Core
from addons.flow.attached import call_of, open_call
from addons.flow.finish import CLIENT_GONE, finish
from addons.flow.guard import guarded
from addons.flow.measure import CLIENT_DISCONNECTED, PROXY_STOPPED, REQUEST_TOO_LARGE
from addons.flow.stream import metered, parser_of
from addons.llm.call import CallState, LLMCall
from addons.llm.parsing.json_edit import insert_member, replace_member

logger = logging.getLogger(__name__)

_LOST_SECONDS = 900
"""More than what a hook may wait for, after which a call whose client has gone may still end as it should."""


class CostLogger:
    def __init__(self, core: Core) -> None:
        self.core = core

    def failed(self, flow: http.HTTPFlow) -> None:
        """The call goes on: it is measured, and its event written, when it ends."""

    @guarded
    def request(self, flow: http.HTTPFlow) -> None:
        """The last hook before the request goes out."""
        call = open_call(flow)
        if not call:
            return
        call.state = CallState.SENT
        body, call.body = call.body, {}  # nobody asks for it any more, and a large one need not wait for the answer
        if not call.is_stream or call.fixed == "signed_request":
            return
        # A stream is metered as it passes, so it is asked for uncompressed.
        flow.request.headers["Accept-Encoding"] = "identity"
        options = call.wire.stream_options(body)
        if options and not call.fixed and call.provider.takes_stream_options(flow.request.path.partition("?")[2]):
            write = replace_member if "stream_options" in body else insert_member
            flow.request.content = write(flow.request.raw_content or b"", "stream_options", orjson.dumps(options))
            call.adds_stream_usage = True

    @guarded
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        call = call_of(flow)
        if not call or not flow.response:
            return
        is_error = not 200 <= flow.response.status_code < 300  # not metered, whatever its form: it costs nothing
        if call.state is CallState.SENT and not is_error and (parser := parser_of(flow.response)):
            # Passed on as it comes, even where it cannot be read.
            flow.response.stream = True
            call.meter = call.wire.meter(call.adds_stream_usage)
            flow.response.stream = metered(call, flow.response, parser, lambda: self._finish(flow, call))

    @guarded
    def response(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """mitmproxy sends the end of the answer, of a stream too, after this."""
        if not (call := call_of(flow)):
            return None
        self._finish(flow, call)
        return self.core.make_durable() if self.core.settings.fsync == "always" else None

    @guarded
    def error(self, flow: http.HTTPFlow) -> None:
        if call := call_of(flow):
            self._finish(flow, call)

    def client_disconnected(self, client: connection.Client) -> None:
        """A call that mitmproxy loses, as where its layer crashes, gets no `response` and no `error`: here it does."""
        if flows := [flow for flow in self.core.live.values() if flow.client_conn is client]:
            asyncio.get_running_loop().call_later(_LOST_SECONDS, _give_up, flows)

    def done(self) -> None:
        """Calls still in flight end with the proxy, and mitmproxy has no event for that."""
        for flow in list(self.core.live.values()):
            if call := call_of(flow):
                call.error = call.error or PROXY_STOPPED
                self._finish(flow, call)
        self.core.close()

    def _finish(self, flow: http.HTTPFlow, call: LLMCall) -> None:
        """Write the one event of a call; what comes after it changes nothing."""
        finish(self.core, flow, call, lambda: _status(flow, call))


def _give_up(flows: list[http.HTTPFlow]) -> None:
    for flow in flows:
        if (call := call_of(flow)) and not call.is_logged:
            logger.error("a call got no end from mitmproxy, so it is ended here")
            flow.error = flow.error or Error("Client disconnected.")
            ctx.master.addons.trigger(HttpErrorHook(flow))


def _status(flow: http.HTTPFlow, call: LLMCall) -> int:
    """What the client got, or would have."""
    if call.error in (CLIENT_DISCONNECTED, PROXY_STOPPED):
        return CLIENT_GONE
    if flow.response is None and call.error == REQUEST_TOO_LARGE:
        return 413
    if flow.response is None or (flow.error and not flow.response.stream):
        return 502  # mitmproxy's; nothing of an answer that came in part has been sent, unless it is a stream
    return flow.response.status_code
