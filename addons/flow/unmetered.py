"""Write the event of a request that may cost money, and whose cost nobody can tell."""

import logging

from mitmproxy import http

from addons.core import Core
from addons.flow.finish import CLIENT_GONE, say_who
from addons.flow.guard import describe
from addons.flow.measure import label_of
from addons.flow.wordings import UNANSWERED
from addons.ledger.events import CostEvent
from addons.llm.call import UntrackedCall

logger = logging.getLogger(__name__)


def finish_unmetered(core: Core, flow: http.HTTPFlow, call: UntrackedCall, error: str = "") -> bool:
    """Write the one event of a request that may cost money, and return whether this did so.

    `error` is why it ended, where the flow does not say.
    """
    if call.is_logged or not call.may_cost:
        return False
    call.is_logged = True
    core.live.pop(flow.id, None)
    call.error = call.error or error or _error(flow)
    try:
        event = CostEvent(
            event_id=call.event_id,
            timestamp=core.now(),
            provider=call.provider.name,
            model="",
            cost_nanos=None,
            latency_ms=call.elapsed_ms(),
            status_code=_status(flow, call),
            is_streaming=False,
            blocked_by=call.blocked_by,
            error=call.error,
            unmetered=True,
            replayed=call.replayed,
        )
        say_who(event, call.attribution)
        core.record(call, event)
    except Exception as problem:
        logger.error("the event of an unmetered call could not be written, so reports lack it: %s", describe(problem))
        return False
    return True


def _error(flow: http.HTTPFlow) -> str:
    if flow.error:
        return label_of(flow, flow.error, was_sent=True)
    status = flow.response.status_code if flow.response else 502
    return f"http_{status}" if status >= 400 else ""


def _status(flow: http.HTTPFlow, call: UntrackedCall) -> int:
    if call.error in UNANSWERED:
        return CLIENT_GONE
    return flow.response.status_code if flow.response else 502
