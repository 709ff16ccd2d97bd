"""Continues: do not take the `100 Continue` that the proxy sends for its answer.

mitmproxy does, so a client that asked for one and whose call then fails is hung up on without a word.
"""

from typing import Any

from mitmproxy.proxy import layer
from mitmproxy.proxy.layers.http import _events as http_events
from mitmproxy.proxy.layers.http._http1 import Http1Server

from addons.engine.replacing import Fix, Replacement
from addons.engine.touchpoints.for_fixes import CONTINUES

_send: Any = Http1Server.send


def send(server: Http1Server, event: http_events.HttpEvent) -> layer.CommandGenerator[None]:
    if isinstance(event, http_events.ResponseHeaders) and event.response.status_code == 100:
        return _send_continue(server, event)
    return _send(server, event)  # type: ignore[no-any-return]


def _send_continue(server: Http1Server, event: http_events.ResponseHeaders) -> layer.CommandGenerator[None]:
    yield from _send(server, event)
    server.response = None


_server: Any = Http1Server


class Continues(Fix):
    name = "continues"
    relies_on = CONTINUES
    replacements = (Replacement(_server, "send", send),)
