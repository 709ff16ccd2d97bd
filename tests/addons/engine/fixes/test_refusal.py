"""Check that a fix refuses to start on a mitmproxy that it was not made for."""

import logging
from typing import Any

import pytest
from mitmproxy import addonmanager, version
from mitmproxy.addons import next_layer
from mitmproxy.proxy import server, tunnel
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers import websocket
from mitmproxy.proxy.layers.http import _http1, _http2
from mitmproxy.proxy.server import ConnectionHandler

from addons.core import Core
from addons.engine.fixes.absent_clients import AbsentClients
from addons.engine.fixes.chunks import Chunks
from addons.engine.fixes.connections import Connections
from addons.engine.fixes.continues import Continues
from addons.engine.fixes.heads import Heads
from addons.engine.fixes.json_errors import JsonErrors
from addons.engine.fixes.named_errors import NamedErrors
from addons.engine.fixes.script_errors import ScriptErrors
from addons.engine.fixes.unquoted import Unquoted
from addons.engine.fixes.upstreams import Upstreams
from addons.engine.fixes.websocket_layer import WebSocketLayer
from addons.engine.replacing import Fix

from . import FIXES


def core() -> Core:
    made = Core()
    made.failure = ""
    return made


@pytest.mark.parametrize(
    ("fix", "owner", "name", "value"),
    [
        (AbsentClients, _http1.Http1Connection, "_handle_event", lambda self, event: iter([])),
        (AbsentClients, ConnectionHandler, "handle_client", lambda self: None),
        (Chunks, _http1, "make_body_reader", lambda size: None),
        (Chunks, _http1, "ChunkedReader", dict),
        (Heads, _http1.Http1Server, "read_headers", lambda self, event: iter([])),
        (Heads, _http1.Http1Client, "read_headers", lambda self, event: iter([])),
        (Continues, _http1.Http1Server, "send", lambda self, event: iter([])),
        (Unquoted, http_layers, "validate_headers", lambda message: None),
        (Unquoted, next_layer.NextLayer, "next_layer", lambda self, layer: None),
        (Upstreams, http_layers.HttpLayer, "get_connection", lambda self, event: iter([])),
        (Connections, server.TimeoutWatchdog, "register_activity", len),
        (Connections, tunnel.TunnelLayer, "_handle_event", lambda self, event: iter([])),
        (JsonErrors, _http2, "format_error", lambda status, message: b""),
        (JsonErrors, _http1, "make_error_response", len),
        (NamedErrors, http_layers.HttpStream, "handle_protocol_error", lambda self, event: iter([])),
        (ScriptErrors, addonmanager.AddonManager, "invoke_addon", lambda self, addon, event: None),
        (ScriptErrors, addonmanager.AddonManager, "trigger", lambda self, event: None),
        (WebSocketLayer, websocket.Fragmentizer, "FRAGMENT_SIZE", 5000),
        (WebSocketLayer, websocket.WebsocketLayer, "relay_messages", lambda self, event: iter([])),
    ],
)
def test_it_refuses_in_one_line_and_changes_nothing(
    fix: type[Fix],
    owner: Any,
    name: str,
    value: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(owner, name, value)
    before = [vars(each.owner).get(each.name) for each in fix.replacements]
    addon = fix(core())
    addon.load(None)
    assert [vars(each.owner).get(each.name) for each in fix.replacements] == before
    addon.done()
    assert [vars(each.owner).get(each.name) for each in fix.replacements] == before
    [record] = caplog.records
    message = record.getMessage()
    assert (record.levelno, addon._core.failure) == (logging.ERROR, message)
    start = (
        f"the fix '{fix.name}' was made for mitmproxy 12.2.3, 12.3.1; with this {version.VERSION} something differs, so"
        " the proxy "
    )
    assert message.startswith(start + "does not start: ")
    assert f"{name} has fingerprint " in message and ", expected " in message and "\n" not in message


@pytest.mark.parametrize("fix", FIXES)
def test_a_release_that_nobody_has_tried_is_as_good_where_its_functions_are_the_same(
    fix: type[Fix], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(version, "VERSION", "12.99.0")
    addon = fix(core())
    addon.load(None)
    replaced = [vars(each.owner)[each.name] is each.value for each in fix.replacements]
    addon.done()
    assert all(replaced) and not caplog.records and not addon._core.failure
