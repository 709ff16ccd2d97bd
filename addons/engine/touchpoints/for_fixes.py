"""List the functions of mitmproxy, h11 and wsproto that the fixes replace or build on."""

from addons.engine.checking import Function
from addons.engine.touchpoints.releases import known

CHUNKS = (
    known("h11._receivebuffer:blank_line_regex", "re.compile(b'\\n\\r?\\n', re.MULTILINE)"),
    known("h11._readers:ChunkedReader.__init__", "232ef6fe23fd20ab"),
    known("h11._readers:ChunkedReader.__call__", "2618d847a89a1505"),
    known("h11._readers:ChunkedReader.read_eof", "b69eccb017173e48"),
    known("h11._readers:ContentLengthReader.__call__", "83205782bcb1dcf6"),
    known("mitmproxy.proxy.layers.http._http1:ChunkedReader", "h11._readers.ChunkedReader"),
    known("mitmproxy.proxy.layers.http._http1:make_body_reader", "9b076acda459637b"),
    known("mitmproxy.proxy.layers.http._http1:Http1Connection.read_body", "aece271029af36e4"),
)
JSON_ERRORS = (
    known("mitmproxy.proxy.layers.http._http1:make_error_response", "03ce75ab62e8e78b"),
    known("mitmproxy.proxy.layers.http._http1:Http1Server.send", "cc218a1337c0f5cf"),
    known("mitmproxy.proxy.layers.http._http2:format_error", "26271a67770fbaf1"),
    Function(
        "mitmproxy.proxy.layers.http._http2:Http2Connection._handle_event",
        {"a7f4a7a71d31074b": ("12.2.3",), "7fc814a8a507f234": ("12.3.1",)},
    ),
    known("mitmproxy.net.http.http1:assemble_response", "9755d0fe9526ce96"),
    known("mitmproxy.proxy.tunnel:TunnelLayer._handshake_finished", "586a787f8895d9dd"),
)
NAMED_ERRORS = (known("mitmproxy.proxy.layers.http:HttpStream.handle_protocol_error", "59fc3b2eeeabf63a"),)
WEBSOCKET_LAYER = (
    known(
        "mitmproxy.proxy.layers.websocket:WebsocketConnection", "mitmproxy.proxy.layers.websocket.WebsocketConnection"
    ),
    known("mitmproxy.proxy.layers.websocket:WebsocketConnection.__init__", "f77a8c21ac12e55f"),
    known("mitmproxy.proxy.layers.websocket:WebsocketConnection.send2", "f33f2c236db2bec9"),
    known("mitmproxy.proxy.layers.websocket:WebsocketLayer.start", "8445ad1cfb2fcca5"),
    known("mitmproxy.proxy.layers.websocket:WebsocketLayer.relay_messages", "2d451252c7287da0"),
    known("mitmproxy.proxy.layers.websocket:Fragmentizer.FRAGMENT_SIZE", "4000"),
    known("mitmproxy.proxy.layers.websocket:Fragmentizer.__init__", "cbb6e60c87171bb4"),
    known("mitmproxy.proxy.layers.websocket:Fragmentizer.__call__", "b4c8fd9dcb743f66"),
    known("wsproto.connection:Connection.__init__", "2aa4c1439d32bd59"),
    known("wsproto.connection:Connection.send", "f24770b66cf8fcb5"),
    known("wsproto.connection:Connection.receive_data", "046f0bbb05b365e3"),
    known("wsproto.connection:Connection.events", "e4d77be0bfef1af2"),
    known("mitmproxy.utils.human:parse_size", "204601f31a058bd9"),
)
ABSENT_CLIENTS = (
    known("mitmproxy.proxy.layers.http._http1:Http1Connection.wait", "c99d0494a840a2b6"),
    known("mitmproxy.proxy.layers.http._http1:Http1Connection._handle_event", "2ac8db3e43ae743f"),
    known("mitmproxy.proxy.layers.http._http1:Http1Connection.mark_done", "dc5ed395ce4f0763"),
    known("mitmproxy.proxy.layers.http._http1:Http1Server.send", "cc218a1337c0f5cf"),
    known("mitmproxy.proxy.layers.http._http1:Http1Server.mark_done", "94fd7ea388c88671"),
    known("mitmproxy.proxy.layers.http:HttpLayer._handle_event", "6ba31883cc7a06b3"),
    known("mitmproxy.proxy.layers.http:HttpLayer.event_to_child", "1095f6e1581d1780"),
    known("mitmproxy.proxy.layers.http:HttpStream.handle_protocol_error", "59fc3b2eeeabf63a"),
    known("mitmproxy.proxy.server:ConnectionHandler.handle_client", "01f1b7cc991c4711"),
    known("mitmproxy.proxy.server:ConnectionHandler.handle_connection", "95c3f93e9824e527"),
    known("mitmproxy.proxy.server:ConnectionHandler.drain_writers", "6b57434604561e3e"),
    known("mitmproxy.proxy.server:ConnectionHandler.server_event", "a2b42657ebe8bf6d"),
    known("mitmproxy.proxy.server:ConnectionHandler.close_connection", "c0d10cc05dd65b80"),
)
BODIES = (
    known("mitmproxy.proxy.layers.http:ReceiveBuffer", "mitmproxy.proxy.utils.ReceiveBuffer"),
    known("mitmproxy.proxy.layers.http:HttpStream.__init__", "9892a5f6b47b7b7b"),
    known("mitmproxy.proxy.layers.http:HttpStream._handle_event", "e3cbfef7310ae81f"),
    known("mitmproxy.proxy.layers.http:HttpStream.state_wait_for_request_headers", "3706d5d5ce01dcd4"),
    known("mitmproxy.proxy.layers.http:HttpStream.state_consume_request_body", "45459c1bbd8bdb1a"),
    known("mitmproxy.proxy.layers.http:HttpStream.state_stream_request_body", "c98f7f715cef7cfa"),
    known("mitmproxy.proxy.layers.http:HttpStream.state_consume_response_body", "5323db61dfc7e2e1"),
    known("mitmproxy.proxy.layers.http:HttpStream.check_body_size", "236ca0a7b9fd4f69"),
    known("mitmproxy.proxy.layers.http:HttpStream.check_killed", "368cad352d1e82b6"),
    known("mitmproxy.proxy.layers.http:HttpStream.send_response", "d581bc106152e369"),
    known("mitmproxy.proxy.layers.http:HttpStream.start_response_stream", "b0de9e9a5ee27276"),
    known("mitmproxy.proxy.layers.http:HttpStream.flow_done", "ad9969744785c572"),
    known("mitmproxy.proxy.layers.http:HttpLayer.event_to_child", "1095f6e1581d1780"),
)
CLIENT_CONNECTIONS = (
    known("mitmproxy.proxy.server:ConnectionHandler.handle_client", "01f1b7cc991c4711"),
    known("mitmproxy.proxy.server:ConnectionHandler.server_event", "a2b42657ebe8bf6d"),
    known("mitmproxy.proxy.server:TimeoutWatchdog.register_activity", "41e033f7debf79d3"),
    known("mitmproxy.proxy.layer:NextLayer._handle_event", "fe74a435f2970e59"),
    known("mitmproxy.proxy.layer:NextLayer._ask", "4d8ace76d8488336"),
    known("mitmproxy.proxy.tunnel:TunnelLayer._handle_event", "00676a887c456cec"),
    known("mitmproxy.proxy.layers.tls:TLSLayer.send_data", "35a29a1b0b0cb184"),
    known("mitmproxy.proxy.layers.http._http1:Http1Connection.make_pipe", "a3af8fb481541632"),
)
ERROR_WORDINGS = (
    known("mitmproxy.proxy.layers.http:HttpStream.check_body_size", "236ca0a7b9fd4f69"),
    known("mitmproxy.proxy.layers.http._http1:Http1Connection.wait", "c99d0494a840a2b6"),
    known("mitmproxy.proxy.server:ConnectionHandler.handle_client", "01f1b7cc991c4711"),
)
"""They word the errors by which a call is told to have been ended by its client. Only the tests check them."""
SCRIPT_ERRORS = (
    known("mitmproxy.addonmanager:AddonManager.trigger_event", "b763c59bc4992e33"),
    known("mitmproxy.addonmanager:AddonManager.trigger", "b19e37ceb2096421"),
    known("mitmproxy.addonmanager:AddonManager.invoke_addon", "13180532440359de"),
    known("mitmproxy.addonmanager:AddonManager.invoke_addon_sync", "212818268a95797b"),
    known("mitmproxy.addonmanager:AddonManager._iter_hooks", "350b419ab7284091"),
    known("mitmproxy.addonmanager:AddonManager._configure_all", "4fcee2f24451540f"),
    known("mitmproxy.addonmanager:traverse", "bad3d9f88bdf9269"),
    known("mitmproxy.addonmanager:safecall", "f2052c18340e99b0"),
)
CONTINUES = (
    known("mitmproxy.proxy.layers.http._http1:Http1Server.send", "cc218a1337c0f5cf"),
    known("mitmproxy.proxy.layers.http:HttpStream.state_wait_for_request_headers", "3706d5d5ce01dcd4"),
)
UNQUOTED = (
    known("mitmproxy.addons.next_layer:NextLayer.next_layer", "d277fef31bbe9519"),
    known("mitmproxy.proxy.layers.http:validate_headers", "e7647a94704363e7"),
    known("mitmproxy.proxy.layers.http:validate_request", "e7cec257ce91b7c5"),
    known("mitmproxy.proxy.layers.http:HttpStream.check_invalid", "ef0a126eef45d903"),
)
CREDENTIALS = (
    known("mitmproxy.proxy.layers.http._http1:Http1Client.send", "35d961e20d481204"),
    known("mitmproxy.net.http.http1:assemble_request_head", "e034304c8d8989d1"),
)
HEADS = (
    known("mitmproxy.proxy.layers.http._http1:Http1Server.read_headers", "3fe0945216bcf7bc"),
    known("mitmproxy.proxy.layers.http._http1:Http1Client.read_headers", "415454c5fa8b5981"),
    known("mitmproxy.net.http.http1:read_request_head", "d7a54f7078584448"),
    known("mitmproxy.net.http.http1:read_response_head", "7f1f014abc5eeac1"),
    known("mitmproxy.net.http.http1.read:expected_http_body_size", "bf258f07286cf770"),
    known("h11._receivebuffer:ReceiveBuffer.maybe_extract_lines", "435e54e6db463e31"),
)
UPSTREAMS = (
    known("mitmproxy.proxy.layers.http:HttpLayer.get_connection", "1aa1c63e3175766c"),
    known("mitmproxy.proxy.layers.http:HttpLayer.register_connection", "deed6282affc431f"),
    known("mitmproxy.proxy.server:ConnectionHandler.open_connection", "5e0b3cbaf7a4030a"),
)
