"""NamedErrors: name the call in the answer that mitmproxy makes of an error, as all other answers to calls do."""

from typing import Any

from mitmproxy.proxy import layer
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.proxy.layers.http._events import RequestProtocolError, ResponseProtocolError

from addons.engine.fixes.json_errors import OfCall
from addons.engine.replacing import Fix, Replacement
from addons.engine.touchpoints.for_fixes import NAMED_ERRORS
from addons.flow.attached import call_of

_handle_protocol_error: Any = HttpStream.handle_protocol_error


def handle_protocol_error(
    stream: HttpStream, event: RequestProtocolError | ResponseProtocolError
) -> layer.CommandGenerator[None]:
    """Handle the end of a call as mitmproxy does, with a message that knows the call."""
    flow = getattr(stream, "flow", None)  # there is none before the request's head has been read
    if flow and (call := call_of(flow)):
        event.message = OfCall(event.message)
        event.message.call_id = call.event_id
    yield from _handle_protocol_error(stream, event)


class NamedErrors(Fix):
    name = "named errors"
    relies_on = NAMED_ERRORS
    replacements = (Replacement(HttpStream, "handle_protocol_error", handle_protocol_error),)
