"""A script in front of ModelTrack's that stands for another mitmproxy: CHANGE says what is different in it."""

import os

from mitmproxy import addonmanager, version
from mitmproxy.proxy import server
from mitmproxy.proxy.layers import websocket
from mitmproxy.proxy.layers.http import _http1

_CHANGES = {
    "chunks": (_http1, "make_body_reader"),
    "heads": (_http1.Http1Server, "read_headers"),
    "upstreams": (server.ConnectionHandler, "open_connection"),
    "JSON errors": (_http1, "make_error_response"),
    "WebSocket layer": (websocket.WebsocketLayer, "relay_messages"),
    "dispatch": (addonmanager.AddonManager, "handle_lifecycle"),
    "errors of scripts": (addonmanager.AddonManager, "trigger_event"),
    "absent clients": (server.ConnectionHandler, "handle_connection"),
    "client connections": (server.TimeoutWatchdog, "register_activity"),
    "connections": (server.ConnectionHandler, "hook_task"),
}

if found := _CHANGES.get(os.environ["CHANGE"]):
    owner, name = found
    original = getattr(owner, name)

    def changed(*args, **kwargs):  # type: ignore[no-untyped-def]
        return original(*args, **kwargs)

    setattr(owner, name, changed)
else:
    version.VERSION = os.environ["CHANGE"]
