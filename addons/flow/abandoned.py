"""Decide how long an answer is read on after its client has closed its side, or is gone.

The provider bills an answer whether or not anybody reads it. So what it reports is waited for: it tells what the call
cost, the cache keeps it, and a client that asks again gets it. Only a stream in full flow is ended, since then the
provider stops.
"""

from mitmproxy import http

from addons.core import Core
from addons.flow.attached import call_of
from addons.flow.measure import is_accepted
from addons.flow.wordings import CLIENT_DISCONNECTED
from addons.llm.call import CallState, LLMCall

MOST_CALLS = 1000
"""Calls that are read on at once. The clients of more are hung up on: those that began earlier are nearer their end."""
MOST_BYTES = 256 * 2**20
"""Memory for the answers of these calls, in bytes. When they take more, the largest is given up."""
CONNECT_SECONDS = 5.0
"""How long a provider may still be connected to for a client that has closed its side, or is gone."""


def leave(core: Core, flow: http.HTTPFlow) -> bool:
    """Note that the client of a flow has closed its side; return False where that is to end the flow at once."""
    if not core.settings.abandoned_seconds:
        return False
    if call := _open(flow):
        if core.counts.abandoned_now >= MOST_CALLS:
            return False
        call.error = call.error or CLIENT_DISCONNECTED
    return True


def note(flow: http.HTTPFlow, *, has_read: bool, is_gone: bool) -> None:
    """Note whether a client that has closed its side is known to read its stream, or to be gone after all."""
    if call := _open(flow):
        if has_read and call.error == CLIENT_DISCONNECTED:
            call.error = ""
        elif is_gone and not call.error:
            call.error = CLIENT_DISCONNECTED


def is_counted(flow: http.HTTPFlow) -> bool:
    return _open(flow) is not None


def hangs_up(core: Core, flow: http.HTTPFlow, seconds: float, *, is_gone: bool, is_reading: bool) -> bool:
    """Tell whether to end a flow, `seconds` after its client closed its side.

    `is_gone` says that the client is known not to read any more, `is_reading` that it is known to take a stream.
    """
    if seconds >= core.settings.abandoned_seconds and not is_reading:
        return True
    if not (call := _open(flow)):
        return is_gone
    if call.state is CallState.OPEN:
        return is_gone  # nothing has been sent, so nothing is lost
    response = flow.response
    if response is None:
        # Not at once, though the client is gone: the connection would be made, and the request sent, before it ends.
        return flow.server_conn.timestamp_tcp_setup is None and seconds >= CONNECT_SECONDS
    if response.stream:
        return is_gone and not (call.meter and call.meter.finished)
    return is_accepted(flow) and _is_spent(core, call)


def _open(flow: http.HTTPFlow) -> LLMCall | None:
    """Return the flow's call if it is not over."""
    call = call_of(flow)
    return None if call is None or call.is_logged else call


def _is_spent(core: Core, call: LLMCall) -> bool:
    """Tell whether a blocking budget that covers the call is spent, whatever is reserved."""
    standing = core.ledger.binding(call.attribution.team, call.attribution.app)
    return standing is not None and standing.is_exceeded
