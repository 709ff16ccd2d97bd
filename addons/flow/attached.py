"""Attach to a flow what it is (a call, an untracked call, a socket or a status page), so that all addons see it.

It is kept in an attribute of the flow rather than in `flow.metadata`, which must stay serialisable: mitmweb and `-w`
save that.
"""

from collections.abc import Sequence

from mitmproxy import http

from addons.callers.presented import NOTHING, Presented
from addons.llm.call import LLMCall, UntrackedCall
from addons.llm.responses_socket import ResponsesSocket
from addons.llm.routes import Status

_NAME = "modeltrack"
_SHOWN = "modeltrack_shown"
_CREDENTIAL = "modeltrack_credential"


def attach(flow: http.HTTPFlow, what: LLMCall | UntrackedCall | ResponsesSocket | Status) -> None:
    flow.__dict__[_NAME] = what


def call_of(flow: http.HTTPFlow) -> LLMCall | None:
    """Return the flow's call, or None if it is no call on a tracked route."""
    found = flow.__dict__.get(_NAME)
    return found if isinstance(found, LLMCall) else None


def open_call(flow: http.HTTPFlow) -> LLMCall | None:
    """Return the flow's call if it has no answer yet and can still get one."""
    return None if flow.response or flow.error or not flow.live else call_of(flow)


def untracked_call(flow: http.HTTPFlow) -> UntrackedCall | None:
    found = flow.__dict__.get(_NAME)
    return found if isinstance(found, UntrackedCall) else None


def socket_of(flow: http.HTTPFlow) -> ResponsesSocket | None:
    found = flow.__dict__.get(_NAME)
    return found if isinstance(found, ResponsesSocket) else None


def asks_for_websocket(request: http.Request) -> bool:
    return "websocket" in request.headers.get("upgrade", "").lower()


def status_page(flow: http.HTTPFlow) -> Status | None:
    found = flow.__dict__.get(_NAME)
    return found if isinstance(found, Status) else None


def attach_shown(flow: http.HTTPFlow, shown: Presented) -> None:
    """Keep what the request showed of who calls; it is in the request no more."""
    flow.__dict__[_SHOWN] = shown


def shown_by(flow: http.HTTPFlow) -> Presented:
    found: Presented = flow.__dict__.get(_SHOWN, NOTHING)
    return found


def attach_credential(request: http.Request, fields: Sequence[tuple[bytes, bytes]]) -> None:
    """Keep the headers with which the proxy's own credential goes to the provider, and nowhere else.

    They are no headers of the request: mitmweb and mitmproxy show those, and `-w` saves them.
    """
    request.__dict__[_CREDENTIAL] = fields


def credential_of(request: http.Request) -> Sequence[tuple[bytes, bytes]]:
    found: Sequence[tuple[bytes, bytes]] = request.__dict__.get(_CREDENTIAL, ())
    return found
