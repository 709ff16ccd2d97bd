"""List what the project uses of mitmproxy that may change from one release to the next.

FUNCTIONS are those that a fix or a speed-up replaces or builds on: each is compared, by a fingerprint of its source,
with every form that is known. NAMES are private, or part of no documented interface: each has to be there.
`python -m addons.engine.touchpoints` prints all of them; docs/mitmproxy-releases.md says when that is needed.
"""

import sys

from mitmproxy import version

from addons.engine.checking import Function, Name, fingerprint, resolve, signature

RELEASES = ("12.2.3", "12.3.1")
"""The releases of mitmproxy that are supported, oldest first: the tests run on each. requirements.lock has the last."""


def _known(path: str, form: str) -> Function:
    """Return a function that is the same in all releases."""
    return Function(path, {form: RELEASES})


CHUNKS = (
    _known("h11._readers:ChunkedReader.__init__", "232ef6fe23fd20ab"),
    _known("h11._readers:ChunkedReader.__call__", "2618d847a89a1505"),
    _known("h11._readers:ChunkedReader.read_eof", "b69eccb017173e48"),
    _known("mitmproxy.proxy.layers.http._http1:ChunkedReader", "h11._readers.ChunkedReader"),
    _known("mitmproxy.proxy.layers.http._http1:make_body_reader", "9b076acda459637b"),
    _known("mitmproxy.proxy.layers.http._http1:Http1Connection.read_body", "aece271029af36e4"),
)
JSON_ERRORS = (
    _known("mitmproxy.proxy.layers.http._http1:make_error_response", "03ce75ab62e8e78b"),
    _known("mitmproxy.proxy.layers.http._http1:Http1Server.send", "cc218a1337c0f5cf"),
    _known("mitmproxy.proxy.layers.http._http1:Http1Server.read_headers", "3fe0945216bcf7bc"),
    _known("mitmproxy.proxy.layers.http._http2:format_error", "26271a67770fbaf1"),
    Function(
        "mitmproxy.proxy.layers.http._http2:Http2Connection._handle_event",
        {"a7f4a7a71d31074b": ("12.2.3",), "7fc814a8a507f234": ("12.3.1",)},
    ),
    _known("mitmproxy.net.http.http1:assemble_response", "9755d0fe9526ce96"),
)
WEBSOCKET_LAYER = (
    _known(
        "mitmproxy.proxy.layers.websocket:WebsocketConnection", "mitmproxy.proxy.layers.websocket.WebsocketConnection"
    ),
    _known("mitmproxy.proxy.layers.websocket:WebsocketConnection.__init__", "f77a8c21ac12e55f"),
    _known("mitmproxy.proxy.layers.websocket:WebsocketConnection.send2", "f33f2c236db2bec9"),
    _known("mitmproxy.proxy.layers.websocket:WebsocketLayer.start", "8445ad1cfb2fcca5"),
    _known("mitmproxy.proxy.layers.websocket:WebsocketLayer.relay_messages", "2d451252c7287da0"),
    _known("mitmproxy.proxy.layers.websocket:Fragmentizer.FRAGMENT_SIZE", "4000"),
    _known("mitmproxy.proxy.layers.websocket:Fragmentizer.__init__", "cbb6e60c87171bb4"),
    _known("mitmproxy.proxy.layers.websocket:Fragmentizer.__call__", "b4c8fd9dcb743f66"),
    _known("wsproto.connection:Connection.__init__", "2aa4c1439d32bd59"),
    _known("wsproto.connection:Connection.send", "f24770b66cf8fcb5"),
    _known("wsproto.connection:Connection.receive_data", "046f0bbb05b365e3"),
    _known("wsproto.connection:Connection.events", "e4d77be0bfef1af2"),
    _known("mitmproxy.utils.human:parse_size", "204601f31a058bd9"),
)
DISPATCH = (
    _known("mitmproxy.addonmanager:AddonManager.handle_lifecycle", "38c97e792d1db5b7"),
    _known("mitmproxy.addonmanager:AddonManager.trigger_event", "b763c59bc4992e33"),
    _known("mitmproxy.addonmanager:AddonManager.invoke_addon", "13180532440359de"),
    _known("mitmproxy.addonmanager:AddonManager._iter_hooks", "350b419ab7284091"),
    _known("mitmproxy.addonmanager:traverse", "bad3d9f88bdf9269"),
    _known("mitmproxy.addonmanager:safecall", "f2052c18340e99b0"),
)
ABSENT_CLIENTS = (
    _known("mitmproxy.proxy.layers.http._http1:Http1Connection.wait", "c99d0494a840a2b6"),
    _known("mitmproxy.proxy.layers.http._http1:Http1Connection._handle_event", "2ac8db3e43ae743f"),
    _known("mitmproxy.proxy.layers.http._http1:Http1Connection.mark_done", "dc5ed395ce4f0763"),
    _known("mitmproxy.proxy.layers.http._http1:Http1Server.send", "cc218a1337c0f5cf"),
    _known("mitmproxy.proxy.layers.http._http1:Http1Server.mark_done", "94fd7ea388c88671"),
    _known("mitmproxy.proxy.layers.http:HttpLayer._handle_event", "6ba31883cc7a06b3"),
    _known("mitmproxy.proxy.layers.http:HttpLayer.event_to_child", "1095f6e1581d1780"),
    _known("mitmproxy.proxy.layers.http:HttpStream.handle_protocol_error", "59fc3b2eeeabf63a"),
    _known("mitmproxy.proxy.server:ConnectionHandler.handle_client", "01f1b7cc991c4711"),
    _known("mitmproxy.proxy.server:ConnectionHandler.handle_connection", "95c3f93e9824e527"),
    _known("mitmproxy.proxy.server:ConnectionHandler.drain_writers", "6b57434604561e3e"),
    _known("mitmproxy.proxy.server:ConnectionHandler.server_event", "a2b42657ebe8bf6d"),
    _known("mitmproxy.proxy.server:ConnectionHandler.close_connection", "c0d10cc05dd65b80"),
)
CONNECTIONS = (
    _known("mitmproxy.proxy.server:ConnectionHandler.server_event", "a2b42657ebe8bf6d"),
    _known("mitmproxy.proxy.server:ConnectionHandler.hook_task", "9ac7970160526268"),
    _known("mitmproxy.proxy.mode_servers:ProxyConnectionHandler.handle_hook", "9f8b52fd798203c9"),
)
HEADERS = (
    _known("mitmproxy.coretypes.multidict:_MultiDict.__getitem__", "482e7414c932e3e8"),
    _known("mitmproxy.coretypes.multidict:_MultiDict.get_all", "5bff03c1afa25bb7"),
    _known("mitmproxy.http:Headers.get_all", "367b3317bc2ba45c"),
    _known("mitmproxy.http:Headers._reduce_values", "d808a4075a1f266d"),
    _known("mitmproxy.http:Headers._kconv", "dd59639eb7c46701"),
    _known("mitmproxy.http:Headers.get", "collections.abc.Mapping.get"),
    _known("mitmproxy.http:Headers.__contains__", "collections.abc.Mapping.__contains__"),
    _known("mitmproxy.http:_native", "0ba4541fc6fa15ce"),
    _known("mitmproxy.http:_always_bytes", "1f256dc3d66394a0"),
    _known("mitmproxy.utils.strutils:always_bytes", "97a1c07fd4d60b7d"),
)
OPTIONS = (
    _known("mitmproxy.optmanager:_Option.current", "6859c2d9c826806e"),
    _known("mitmproxy.optmanager:_Option.default", "cfc9882b8960757d"),
)
HOOKS = (
    _known("mitmproxy.hooks:Hook.args", "5bab95f7aa358e18"),
    _known("mitmproxy.hooks:Hook.__new__", "b06952a61b01b58e"),
    _known("mitmproxy.proxy.commands:StartHook.__new__", "722d742f24074dc2"),
)
ADDONS = (
    _known("mitmproxy.addons.onboarding:Onboarding.request", "f6e48a4764c85df0"),
    _known("mitmproxy.addons.maplocal:MapLocal.request", "4c6bf038aa472f3e"),
    Function(
        "mitmproxy.addons.tlsconfig:TlsConfig.request",
        {"84c6d74b564dde72": ("12.2.3",), "4979371e5dca6057": ("12.3.1",)},
    ),
    _known("mitmproxy.addons.tlsconfig:TlsConfig.crl_path", "a9041d305fde07b5"),
)
CONTEXTS = (
    _known("mitmproxy.proxy.context:Context.__init__", "7ee4176662abb9c7"),
    _known("mitmproxy.proxy.context:Context.fork", "cad9374a0689f10a"),
)
AUTHORITIES = (
    _known("mitmproxy.net.http.url:parse_authority", "d8338265c05d8491"),
    _known("mitmproxy.net.check:is_valid_host", "76efad3bee98e9b5"),
    _known("mitmproxy.net.check:is_valid_port", "f31abfc72ed98d50"),
)
CHECKS = (_known("mitmproxy.http:MessageData.__post_init__", "f65088e210cd9cc1"),)
ERROR_WORDINGS = (
    _known("mitmproxy.proxy.layers.http:HttpStream.check_body_size", "236ca0a7b9fd4f69"),
    _known("mitmproxy.proxy.layers.http._http1:Http1Connection.wait", "c99d0494a840a2b6"),
    _known("mitmproxy.proxy.server:ConnectionHandler.handle_client", "01f1b7cc991c4711"),
)
"""They word the errors by which a call is told to have been ended by its client. Only the tests check them."""

FUNCTIONS = {
    "addons/engine/fixes/absent_clients.py": ABSENT_CLIENTS,
    "addons/engine/fixes/chunks.py": CHUNKS,
    "addons/engine/fixes/json_errors.py": JSON_ERRORS,
    "addons/engine/fixes/websocket_layer.py": WEBSOCKET_LAYER,
    "addons/engine/speed/dispatch.py": DISPATCH,
    "addons/engine/speed/layer.py": CONNECTIONS,
    "addons/engine/speed/lookups.py": (*HEADERS, *OPTIONS, *HOOKS, *ADDONS, *CONTEXTS, *AUTHORITIES, *CHECKS),
    "addons/flow/measure.py": ERROR_WORDINGS,
}
"""The functions, by the file that replaces them or builds on them."""

NAMES = {
    "addons/bootstrap.py": (
        Name("mitmproxy.addons.errorcheck:ErrorCheck.logger"),
        Name("mitmproxy.addons.errorcheck:ErrorCheckHandler.has_errored"),
        Name("mitmproxy.addons.proxyserver:Proxyserver.is_running"),
        Name("mitmproxy.addons.proxyserver:Proxyserver.servers"),
        Name("mitmproxy.addons.proxyserver:Servers._instances"),
        Name("mitmproxy.addons.proxyserver:Servers.changed"),
        Name("mitmproxy.addons.proxyserver:Servers.is_updating"),
        Name("mitmproxy.addons.proxyserver:Servers.update", "(self, modes)"),
        Name("mitmproxy.addons.proxyserver:logger"),
        Name("mitmproxy.optmanager:OptManager.deferred"),
        Name("mitmproxy.optmanager:OptManager.process_deferred", "(self)"),
        Name("mitmproxy.optmanager:OptManager.set", "(self, *specs, defer=False)"),
        Name("mitmproxy.optmanager:OptManager.update_defer", "(self, **kwargs)"),
        Name("mitmproxy.optmanager:parse", "(text)"),
        Name("mitmproxy.proxy.mode_servers:ServerInstance.is_running"),
        Name("mitmproxy.proxy.mode_servers:ServerInstance.listen_addrs"),
        Name("mitmproxy.proxy.mode_servers:ServerInstance.mode"),
        Name("mitmproxy.proxy.mode_servers:logger"),
        Name("mitmproxy.proxy.mode_specs:ProxyMode.listen_port", "(self, default=None)"),
        Name("mitmproxy.proxy.mode_specs:ProxyMode.parse", "(spec)"),
        Name("mitmproxy.proxy.server:logger"),
        Name("mitmproxy.tools.cmdline:mitmdump", "(opts)"),
        Name("mitmproxy.tools.cmdline:mitmproxy", "(opts)"),
        Name("mitmproxy.tools.cmdline:mitmweb", "(opts)"),
        Name("mitmproxy.utils.asyncio_utils:create_task", "(coro, *, name, keep_ref, client=None)"),
        Name("mitmproxy.utils.signals:_AsyncSignal.connect", "(self, receiver)"),
        Name("mitmproxy.utils.signals:_AsyncSignal.disconnect", "(self, receiver)"),
    ),
    "addons/ca_bundle.py": (
        Name("mitmproxy.certs:CertStore.from_store", "(path, basename, key_size, passphrase=None)"),
        Name("mitmproxy.options:CONF_DIR"),
    ),
    "addons/cache.py": (
        Name("mitmproxy.http:RequestData.host"),
        Name("mitmproxy.http:RequestData.path"),
        Name("mitmproxy.http:RequestData.port"),
        Name("mitmproxy.http:RequestData.scheme"),
    ),
    "addons/cost_logger.py": (
        Name("mitmproxy.addonmanager:AddonManager.trigger", "(self, event)"),
        Name("mitmproxy.proxy.layers.http._hooks:HttpErrorHook", "(flow)"),
    ),
    "addons/engine/fixes/absent_clients.py": (
        Name("mitmproxy.addons.proxyserver:Proxyserver.connections"),
        Name("mitmproxy.proxy.commands:RequestWakeup", "(delay)"),
        Name("mitmproxy.proxy.events:Wakeup", "(command)"),
        Name("mitmproxy.proxy.layers.http:HttpLayer.streams"),
        Name("mitmproxy.proxy.layers.http:HttpStream.response_body_buf"),
        Name("mitmproxy.proxy.layers.http._events:ResponseHeaders"),
        Name("mitmproxy.proxy.layers.http._http1:Http1Connection.passthrough"),
        Name("mitmproxy.proxy.layers.http._http1:Http1Connection.state"),
        Name("mitmproxy.proxy.server:ConnectionHandler.client"),
        Name("mitmproxy.proxy.server:ConnectionHandler.transports"),
        Name("mitmproxy.proxy.server:ConnectionIO.writer"),
        Name("mitmproxy.utils.asyncio_utils:create_task", "(coro, *, name, keep_ref, client=None)"),
    ),
    "addons/engine/fixes/chunks.py": (Name("h11._receivebuffer:ReceiveBuffer"),),
    "addons/engine/fixes/json_errors.py": (Name("mitmproxy.version:MITMPROXY"),),
    "addons/engine/fixes/websocket_layer.py": (Name("wsproto.connection:Connection._events"),),
    "addons/engine/speed/dispatch.py": (
        Name("mitmproxy.addons.proxyserver:Proxyserver.connections"),
        Name("mitmproxy.proxy.server:ConnectionHandler.layer"),
    ),
    "addons/engine/speed/hook_table.py": (
        Name("mitmproxy.addonmanager:AddonManager.chain"),
        Name("mitmproxy.addonmanager:cut_traceback", "(tb, func_name)"),
        Name("mitmproxy.addonmanager:logger"),
    ),
    "addons/engine/speed/layer.py": (
        Name("mitmproxy.flow:Flow.intercepted"),
        Name("mitmproxy.flow:Flow.wait_for_resume", "(self)"),
        Name("mitmproxy.proxy.events:HookCompleted", "(command, reply=None)"),
        Name("mitmproxy.proxy.layer:Layer.handle_event", "(self, event)"),
        Name("mitmproxy.proxy.mode_servers:ProxyConnectionHandler.log"),
        Name("mitmproxy.proxy.server:ConnectionHandler._server_event_lock"),
        Name("mitmproxy.proxy.server:ConnectionHandler.client"),
        Name("mitmproxy.proxy.server:ConnectionHandler.timeout_watchdog"),
        Name("mitmproxy.proxy.server:ConnectionHandler.transports"),
        Name("mitmproxy.proxy.server:ConnectionIO.writer"),
        Name("mitmproxy.proxy.server:TimeoutWatchdog.disarm", "(self)"),
        Name("mitmproxy.utils.asyncio_utils:create_task", "(coro, *, name, keep_ref, client=None)"),
    ),
    "addons/engine/speed/lookups.py": (
        Name("mitmproxy.addons.maplocal:MapLocal.replacements"),
        Name("mitmproxy.addons.tlsconfig:_EMUDHRA_REVOCATION_HOSTS", releases=("12.3.1",)),
        Name("mitmproxy.optmanager:_Option._default"),
        Name("mitmproxy.optmanager:_Option.value"),
        Name("mitmproxy.optmanager:unset"),
    ),
    "addons/flow/upstream.py": (
        Name("mitmproxy.http:RequestData.authority"),
        Name("mitmproxy.http:RequestData.host"),
        Name("mitmproxy.http:RequestData.path"),
        Name("mitmproxy.http:RequestData.port"),
        Name("mitmproxy.http:RequestData.scheme"),
    ),
    "addons/inspecting/inspector.py": (
        Name("mitmproxy.addons.view:View._store"),
        Name("mitmproxy.addons.view:View.remove", "(self, flows)"),
        Name("mitmproxy.addons.view:View.store_count", "(self)"),
    ),
    "addons/tunnels.py": (
        Name("mitmproxy.proxy.context:Context.client"),
        Name("mitmproxy.proxy.context:Context.layers"),
        Name("mitmproxy.proxy.context:Context.server"),
        Name("mitmproxy.proxy.layer:NextLayer.context"),
        Name("mitmproxy.proxy.layer:NextLayer.data_client", "(self)"),
        Name("mitmproxy.proxy.layer:NextLayer.layer"),
        Name("mitmproxy.proxy.layers.http:HTTPMode.regular"),
        Name("mitmproxy.proxy.layers.modes:ReverseProxy"),
        Name("mitmproxy.proxy.layers:HttpLayer", "(context, mode)"),
        Name("mitmproxy.proxy.layers:TCPLayer", "(context, ignore=False)"),
    ),
    "addons/websockets.py": (
        Name(
            "mitmproxy.addons.proxyserver:Proxyserver.inject_websocket",
            "(self, flow, to_client, message, is_text=True)",
        ),
    ),
}
"""The names, by the file that uses them."""


def listed(file: str) -> tuple[Function | Name, ...]:
    """Return what a file of the project uses."""
    return (*FUNCTIONS.get(file, ()), *NAMES.get(file, ()))


def _found(touchpoint: Function | Name) -> str:
    """Return the fingerprint of a function, or the signature of what is only called."""
    try:
        found = resolve(touchpoint.path)
    except LookupError:
        return ""
    return fingerprint(found) if isinstance(touchpoint, Function) else signature(found)


def main() -> int:
    """Print each touchpoint by file, with what is found, and return 1 if one is not as expected."""
    print(f"mitmproxy {version.VERSION}; supported: {', '.join(RELEASES)}")
    changed = 0
    for file in sorted(FUNCTIONS.keys() | NAMES.keys()):
        print(file)
        for each in listed(file):
            problem = each.deviation()
            changed += bool(problem)
            print(f"  CHANGED {problem}" if problem else f"  known   {each.path} {_found(each)}".rstrip())
    print(f"{changed} changed")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
