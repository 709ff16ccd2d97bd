"""What the addons of one flow hand on to each other.

It is kept beside mitmproxy's own attributes rather than in `flow.metadata`, which must stay serialisable: mitmweb and
`-w` save it.
"""

from mitmproxy import http

from addons.llm.call import LLMCall, UntrackedCall
from addons.llm.responses_socket import ResponsesSocket
from addons.llm.routes import Status

_NAME = "modeltrack"


def attach(flow: http.HTTPFlow, what: LLMCall | UntrackedCall | ResponsesSocket | Status) -> None:
    flow.__dict__[_NAME] = what


def call_of(flow: http.HTTPFlow) -> LLMCall | None:
    """None for what is no call on a tracked route."""
    found = flow.__dict__.get(_NAME)
    return found if isinstance(found, LLMCall) else None


def open_call(flow: http.HTTPFlow) -> LLMCall | None:
    """The call of a flow that nobody has answered, and that is still there to be answered."""
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
