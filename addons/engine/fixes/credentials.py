"""Credentials: send a provider the proxy's own credential without it ever being a header of the flow's request.

mitmweb and mitmproxy show a flow's headers, and `-w` saves them. So the credential is put in where mitmproxy writes the
head to the provider.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mitmproxy import http
from mitmproxy.proxy import layer
from mitmproxy.proxy.layers.http._base import HttpEvent
from mitmproxy.proxy.layers.http._events import RequestHeaders
from mitmproxy.proxy.layers.http._http1 import Http1Client

from addons.engine.replacing import Fix, Replacement
from addons.engine.touchpoints.for_fixes import CREDENTIALS
from addons.flow.attached import credential_of

_client: Any = Http1Client
_send: Any = Http1Client.send


def send(self: Http1Client, event: HttpEvent) -> layer.CommandGenerator[None]:
    if type(event) is RequestHeaders and (fields := credential_of(event.request)):
        event = replace(event, request=_with(event.request, fields))
    sent: layer.CommandGenerator[None] = _send(self, event)
    return sent


def _with(request: http.Request, fields: Sequence[tuple[bytes, bytes]]) -> http.Request:
    """Return a request that shares all with another one but its headers."""
    sent = copy.copy(request)
    sent.data = copy.copy(request.data)
    sent.data.headers = http.Headers((*request.headers.fields, *fields))
    return sent


class Credentials(Fix):
    name = "credentials"
    relies_on = CREDENTIALS
    replacements = (Replacement(_client, "send", send),)
