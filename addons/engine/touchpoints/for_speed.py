"""List the functions of mitmproxy that the speed-ups replace or build on."""

from addons.engine.checking import Function
from addons.engine.touchpoints.releases import known

DISPATCH = (
    known("mitmproxy.addonmanager:AddonManager.handle_lifecycle", "38c97e792d1db5b7"),
    known("mitmproxy.addonmanager:AddonManager._iter_hooks", "350b419ab7284091"),
    known("mitmproxy.addonmanager:traverse", "bad3d9f88bdf9269"),
    known("mitmproxy.addonmanager:safecall", "f2052c18340e99b0"),
)
CONNECTIONS = (
    known("mitmproxy.proxy.server:ConnectionHandler.server_event", "a2b42657ebe8bf6d"),
    known("mitmproxy.proxy.server:ConnectionHandler.hook_task", "9ac7970160526268"),
    known("mitmproxy.proxy.mode_servers:ProxyConnectionHandler.handle_hook", "9f8b52fd798203c9"),
)
HEADERS = (
    known("mitmproxy.coretypes.multidict:_MultiDict.__getitem__", "482e7414c932e3e8"),
    known("mitmproxy.coretypes.multidict:_MultiDict.get_all", "5bff03c1afa25bb7"),
    known("mitmproxy.http:Headers.get_all", "367b3317bc2ba45c"),
    known("mitmproxy.http:Headers._reduce_values", "d808a4075a1f266d"),
    known("mitmproxy.http:Headers._kconv", "dd59639eb7c46701"),
    known("mitmproxy.http:Headers.get", "collections.abc.Mapping.get"),
    known("mitmproxy.http:Headers.__contains__", "collections.abc.Mapping.__contains__"),
    known("mitmproxy.http:_native", "0ba4541fc6fa15ce"),
    known("mitmproxy.http:_always_bytes", "1f256dc3d66394a0"),
    known("mitmproxy.utils.strutils:always_bytes", "97a1c07fd4d60b7d"),
)
OPTIONS = (
    known("mitmproxy.optmanager:_Option.current", "6859c2d9c826806e"),
    known("mitmproxy.optmanager:_Option.default", "cfc9882b8960757d"),
)
HOOKS = (
    known("mitmproxy.hooks:Hook.args", "5bab95f7aa358e18"),
    known("mitmproxy.hooks:Hook.__new__", "b06952a61b01b58e"),
    known("mitmproxy.proxy.commands:StartHook.__new__", "722d742f24074dc2"),
)
ADDONS = (
    known("mitmproxy.addons.onboarding:Onboarding.request", "f6e48a4764c85df0"),
    known("mitmproxy.addons.maplocal:MapLocal.request", "4c6bf038aa472f3e"),
    Function(
        "mitmproxy.addons.tlsconfig:TlsConfig.request",
        {"84c6d74b564dde72": ("12.2.3",), "4979371e5dca6057": ("12.3.1",)},
    ),
    known("mitmproxy.addons.tlsconfig:TlsConfig.crl_path", "a9041d305fde07b5"),
)
CONTEXTS = (
    known("mitmproxy.proxy.context:Context.__init__", "7ee4176662abb9c7"),
    known("mitmproxy.proxy.context:Context.fork", "cad9374a0689f10a"),
)
AUTHORITIES = (
    known("mitmproxy.net.http.url:parse_authority", "d8338265c05d8491"),
    known("mitmproxy.net.check:is_valid_host", "76efad3bee98e9b5"),
    known("mitmproxy.net.check:is_valid_port", "f31abfc72ed98d50"),
)
SIZES = (
    known("mitmproxy.net.http.http1:expected_http_body_size", "bf258f07286cf770"),
    known("mitmproxy.net.http.validate:parse_content_length", "27b46f4337ba25c6"),
)
ENDS = (known("mitmproxy.net.http.http1:connection_close", "d53e499096578d6b"),)
VALIDITY = (
    known("mitmproxy.net.http.validate:validate_headers", "e7647a94704363e7"),
    known("mitmproxy.net.http.validate:_valid_header_name", 're.compile(b"^[!#$%&\'*+\\\\-.^_`|~0-9a-zA-Z]+$")'),
)
CHECKS = (known("mitmproxy.http:MessageData.__post_init__", "f65088e210cd9cc1"),)
