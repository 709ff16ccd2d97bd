"""Bound the bodies that are held in memory: each request's, each answer's, and all of them together.

A request's Content-Length is looked at with its head, and what comes without one as it comes. A body that passes
through in a stream is not held, so only its own length is limited. What a flow holds is given back when its answer is
through, when it fails, and at the latest when its client's connection ends.
"""

from mitmproxy import http

from addons.core import Core
from addons.flow.attached import call_of, untracked_call
from addons.flow.replies import refuse
from addons.flow.stream import metered
from addons.llm.call import CallState
from addons.llm.denial import Denial, too_large
from addons.llm.providers.bedrock import BEDROCK
from addons.llm.providers.bedrock_runtime import CONVERSE
from addons.settings.fields import Settings

MOST_HELD_ANSWER = 32 * 2**20
"""Bytes of an answer in one piece that are held until it is whole. A larger one passes on as it comes."""
SMALL = 64 * 2**10
"""A refused body of up to this many bytes is taken in, so that its connection can stay."""
MOST_DRAINED = 8 * 2**20
"""Bytes of a larger refused body that are read and thrown away: many clients send all before they read the answer."""
DRAIN_SECONDS = 5.0
"""How long a refused body is read on."""

_NOT_COUNTED = 4 * 2**10
"""Bytes of a body that is not counted: what is kept of its head and of its connection takes as much."""
_LENGTH_OF_LENGTH, _LENGTH_OF_ENCODING = len(b"content-length"), len(b"transfer-encoding")
_LEAST_TOGETHER = 256 * 2**20
_FULL = Denial(
    503,
    "proxy_busy",
    "ModelTrack holds as many bodies in memory as it may. Try again in a moment.",
    retry_after=1,
)


def most_together(settings: Settings) -> int:
    """Return the bytes that all bodies together may take: eight of the largest, and at least 256 MiB."""
    return max(8 * settings.max_request_bytes, _LEAST_TOGETHER)


def announced(message: http.Message) -> int:
    """Return the length that a head announces, 0 where it announces none, as for a body in chunks."""
    length = b""
    for name, value in message.headers.fields:
        size = len(name)  # most names need no more
        if size == _LENGTH_OF_LENGTH and name.lower() == b"content-length":
            length = value
        elif size == _LENGTH_OF_ENCODING and name.lower() == b"transfer-encoding":
            return 0
    return int(length) if length.isdigit() else 0


def refuse_by_head(core: Core, flow: http.HTTPFlow) -> None:
    """Refuse a request whose body is announced to be too large, or note what will be held of it."""
    if size := announced(flow.request):
        _refuse(core, flow, size)


def refuse_by_size(core: Core, flow: http.HTTPFlow, size: int) -> bool:
    """Refuse a request and return True if the `size` bytes of its body that have come are too many.

    One that has announced its length was looked at by that, and sends no more.
    """
    is_refused = not announced(flow.request) and _refuse(core, flow, size)
    if is_refused:
        release(core, flow)
    return is_refused


def _refuse(core: Core, flow: http.HTTPFlow, size: int) -> bool:
    settings = core.settings
    is_not_held = size <= _NOT_COUNTED or flow.request.stream
    if size > settings.max_request_bytes:
        denial = too_large("request body", settings.max_request_bytes)
    elif is_not_held or core.held.hold(flow.client_conn.id, flow.id, size, most_together(settings)):
        return False
    else:
        denial = _FULL
    untracked = untracked_call(flow)
    wire = CONVERSE if untracked and untracked.provider is BEDROCK else None  # so that AWS's SDKs find the message
    refuse(flow, call_of(flow) or untracked, denial, wire=wire)
    return True


def may_hold_answer(core: Core, flow: http.HTTPFlow, size: int) -> bool:
    """Tell whether `size` bytes of an answer may be held until it is whole, and note that they are."""
    if size <= _NOT_COUNTED:
        return True
    client = flow.client_conn.id
    return size <= MOST_HELD_ANSWER and core.held.hold(client, _answer_key(flow), size, most_together(core.settings))


def pass_on(core: Core, flow: http.HTTPFlow) -> None:
    """Have an answer that is too large to be held pass on as it comes; a call's is metered on the way."""
    assert flow.response
    core.held.release(flow.client_conn.id, _answer_key(flow))
    flow.response.stream = True
    call = call_of(flow)
    if call and call.state is CallState.SENT and 200 <= flow.response.status_code < 300:
        call.meter = call.meter or call.wire.meter(False)
        flow.response.stream = metered(call, flow.response, lambda: None)


def release(core: Core, flow: http.HTTPFlow) -> None:
    """Give back what the flow holds."""
    client = flow.client_conn.id
    if core.held.has(client):
        core.held.release(client, flow.id)
        core.held.release(client, _answer_key(flow))


def _answer_key(flow: http.HTTPFlow) -> str:
    return flow.id + "/answer"
