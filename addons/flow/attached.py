"""Attach to a flow what it is (a call, an untracked call, a socket or a status page), so that all addons see it.

It is kept in an attribute of the flow rather than in `flow.metadata`, which must stay serialisable: mitmweb and `-w`
save that.
"""

from mitmproxy import http

from addons.llm.call import LLMCall, UntrackedCall
from addons.llm.responses_socket import ResponsesSocket
from addons.llm.routes import Status

_NAME = "modeltrack"


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
