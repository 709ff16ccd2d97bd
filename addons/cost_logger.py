"""CostLogger: meter the answer as it passes, price it, write its event, settle its reservation."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import orjson
from mitmproxy import connection, ctx, http
from mitmproxy.flow import Error
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook

from addons.core import Core
from addons.flow.attached import call_of, open_call, untracked_call
from addons.flow.bodies.heavy import apart, is_heavy
from addons.flow.figures.answers import put_call_id, put_figures
from addons.flow.finish import CLIENT_GONE, finish
from addons.flow.guard import guarded
from addons.flow.measure import decoded_body, is_accepted
from addons.flow.stream import metered, passes_in_chunks
from addons.flow.stream_options import StreamOptions
from addons.flow.unmetered import finish_unmetered
from addons.flow.wordings import INVALID_REQUEST, PROXY_STOPPED, REQUEST_TOO_LARGE, UNANSWERED
from addons.llm.call import CallState, LLMCall
from addons.llm.parsing.json_edit import insert_member, replace_member

logger = logging.getLogger(__name__)

_REFUSED_BY_THE_ENGINE = {REQUEST_TOO_LARGE: 413, INVALID_REQUEST: 400}
"""The status that a client gets where a request breaks off for this reason, by the call's error."""

_LOST_SECONDS = 900
"""How long a call whose client has gone may still end in the usual way; longer than any hook may wait."""


class CostLogger:
    def __init__(self, core: Core, options: StreamOptions | None = None) -> None:
        self.core = core
        self._options = options or StreamOptions(core)

    def failed(self, flow: http.HTTPFlow) -> None:
        """Do nothing: the call goes on, and is measured and logged when it ends."""

    @guarded
    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Mark the call as sent, and ask for its stream in a form that can be metered."""
        call = open_call(flow)
        if not call:
            return None
        if call.state is CallState.OPEN:  # else it was logged while it waited, as where the proxy stops
            call.state = CallState.SENT
            call.sent = time.monotonic()
        # Nothing reads the body from here on, and a large one would only take memory.
        body, call.body, call.text = call.body, {}, b""
        if not call.is_stream or call.fixed == "signed_request":
            return None
        # A stream is metered as it passes, so it should come uncompressed.
        flow.request.headers["Accept-Encoding"] = "identity"
        options = self._options.wanted(flow, call, body)
        if options and call.provider.takes_stream_options(flow.request.path.partition("?")[2]):
            add = partial(_with_options, flow.request, self.core.settings.max_request_bytes, body, options)
            if is_heavy(len(flow.request.raw_content or b""), call.fixed == "compressed_body"):
                return _add_apart(flow, call, add)
            _set_body(flow, call, add())
        return None

    @guarded
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if not flow.response:
            return
        call = call_of(flow)
        if not call:
            if (other := untracked_call(flow)) and other.may_cost:
                put_call_id(flow.response.headers, other)
            return
        # Another status costs nothing, so even a stream is not metered.
        if call.state is CallState.SENT and is_accepted(flow) and passes_in_chunks(call, flow.response):
            # This is set first, so that the stream passes as it comes even if it cannot be metered.
            flow.response.stream = True
            call.meter = call.wire.meter(call.adds_stream_usage)
            flow.response.stream = metered(call, flow.response, lambda: self._finish(flow, call))
        if flow.response.stream:  # its head goes out now, before anybody knows what the call costs
            put_figures(self.core, flow.response.headers, call, is_whole=False)

    @guarded
    def response(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Log the call before its answer ends: mitmproxy sends the end, of a stream too, after this hook."""
        if call := call_of(flow):
            if call.adds_stream_usage:
                self._options.note_refusal(flow, call)
            self._finish(flow, call)
            if flow.response and not flow.response.stream:
                put_figures(self.core, flow.response.headers, call, is_whole=True)
        elif not ((other := untracked_call(flow)) and finish_unmetered(self.core, flow, other)):
            return None
        return self.core.make_durable() if self.core.settings.fsync == "always" else None

    @guarded
    def error(self, flow: http.HTTPFlow) -> None:
        if call := call_of(flow):
            self._finish(flow, call)
        elif other := untracked_call(flow):
            finish_unmetered(self.core, flow, other)

    def client_disconnected(self, client: connection.Client) -> None:
        """End calls that mitmproxy has lost: after a crash of its layer, neither `response` nor `error` comes."""
        if flows := [flow for flow in self.core.live.values() if flow.client_conn is client]:
            asyncio.get_running_loop().call_later(_LOST_SECONDS, _give_up, flows)

    def done(self) -> None:
        """End the calls still in flight, since no other hook comes when the proxy stops, and close the shared state."""
        for flow in list(self.core.live.values()):
            if call := call_of(flow):
                call.error = call.error or PROXY_STOPPED
                self._finish(flow, call)
            elif other := untracked_call(flow):
                finish_unmetered(self.core, flow, other, PROXY_STOPPED)
        self.core.close()

    def _finish(self, flow: http.HTTPFlow, call: LLMCall) -> None:
        """Settle a call and write its one event; calling this again changes nothing."""
        finish(self.core, flow, call, lambda: _status(flow, call))


def _with_options(request: http.Request, limit: int, body: dict[str, Any], options: dict[str, Any]) -> bytes:
    """Return the request's body, uncompressed, with these `stream_options`."""
    write = replace_member if "stream_options" in body else insert_member
    return write(decoded_body(request, limit), "stream_options", orjson.dumps(options))


async def _add_apart(flow: http.HTTPFlow, call: LLMCall, add: Callable[[], bytes]) -> None:
    content = await apart(add)
    if open_call(flow):
        _set_body(flow, call, content)


def _set_body(flow: http.HTTPFlow, call: LLMCall, content: bytes) -> None:
    flow.request.headers.pop("Content-Encoding", None)
    flow.request.content = content
    call.adds_stream_usage = True


def _give_up(flows: list[http.HTTPFlow]) -> None:
    for flow in flows:
        if (call := call_of(flow) or untracked_call(flow)) and not call.is_logged:
            logger.error("mitmproxy did not report the end of a call whose client has gone, so it is ended now")
            flow.error = flow.error or Error("Client disconnected.")
            ctx.master.addons.trigger(HttpErrorHook(flow))


def _status(flow: http.HTTPFlow, call: LLMCall) -> int:
    """Return the status that the client got, or would have got."""
    if call.error in UNANSWERED:
        return CLIENT_GONE
    if flow.response is None and call.error in _REFUSED_BY_THE_ENGINE:
        return _REFUSED_BY_THE_ENGINE[call.error]
    if flow.response is None or (flow.error and not flow.response.stream):
        return 502  # from mitmproxy: nothing of an answer that broke off has been sent, unless it is a stream
    return flow.response.status_code
