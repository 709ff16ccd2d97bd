"""Say of each of mitmproxy's options whether it breaks a promise of ModelTrack's.

REFUSED ones do: such a value is refused at the start and while the proxy runs, in one line that names option and
promise. HANDLED ones bear on calls, and a part of ModelTrack sees to it that budgets and bills hold all the same.
HARMLESS ones do not bear on them. A test fails for an option that is in none of the three, as a new release may bring.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from mitmproxy import exceptions, flowfilter
from mitmproxy.proxy import mode_specs
from mitmproxy.utils import human
from mitmproxy.utils.spec import parse_spec


class Refused(NamedTuple):
    """Says when an option is refused, and why."""

    breaks: Callable[[Any], bool]
    """Whether a value is refused; a value that cannot be read is left to mitmproxy."""
    promise: str
    """What would no longer hold; the end of a sentence that begins with the option and "would"."""
    instead: str
    """What to do."""


def _opens_another_way(modes: Iterable[str]) -> bool:
    """Tell whether a mode listens to anything but HTTP, or takes all traffic of a machine."""
    for spec in modes:
        mode = mode_specs.ProxyMode.parse(spec)
        is_gateway = isinstance(mode, mode_specs.ReverseMode) and mode.scheme in ("http", "https")
        if not is_gateway and not isinstance(mode, mode_specs.RegularMode):
            return True
    return False


def _changes_answers(specs: Iterable[str]) -> bool:
    """Tell whether a `modify_body` applies to answers too: one whose filter begins with `~q` does not."""
    return any(_is_for_answers(parse_spec(spec)[0]) for spec in specs)


def _is_for_answers(found: Any) -> bool:
    parts = found.lst if isinstance(found, flowfilter.FAnd) else [found]
    return not any(isinstance(part, flowfilter.FReq) for part in parts)


_CREDENTIALS = "put another credential in place of the caller's, which the provider needs"
_UNSEEN = "let calls to LLM hosts pass without a budget and without a bill"
_UNLIMITED = "keep what passes in memory without a limit"

REFUSED: dict[str, Refused] = {
    "allow_hosts": Refused(bool, _UNSEEN, "leave it empty; TUNNEL_OTHER_HOSTS is about other hosts"),
    "body_size_limit": Refused(
        lambda value: not (value and human.parse_size(value)),
        "let an answer grow without a limit",
        "give it a size, such as 512m",
    ),
    "connection_strategy": Refused(
        lambda value: value != "lazy", "connect before a call has a provider, which fails each call", "leave it at lazy"
    ),
    "hardump": Refused(bool, _UNLIMITED, "use save_stream_file"),
    "http2": Refused(
        bool, "take HTTP/2, which the bounds and the care for absent clients are not made for", "leave it"
    ),
    "ignore_hosts": Refused(bool, _UNSEEN, "leave it empty; TUNNEL_OTHER_HOSTS is about other hosts"),
    "keep_alt_svc_header": Refused(bool, "tell clients to go past the proxy", "leave it off"),
    "mode": Refused(
        _opens_another_way,
        "take traffic that is not HTTP, or is not meant for the gateway, past the budgets",
        "use reverse:http://…, reverse:https://… or regular, each with @host:port where needed",
    ),
    "modify_body": Refused(
        _changes_answers,
        "change answers before they are measured, so that the bill would be wrong",
        "begin its filter with ~q, so that it changes requests alone",
    ),
    "proxy_debug": Refused(bool, "log keys, prompts and answers", "use LOG_LEVEL=debug, which does not"),
    "proxyauth": Refused(bool, "take the Authorization that is meant for the provider for its own", "leave it empty"),
    "stickyauth": Refused(bool, _CREDENTIALS, "leave it empty"),
    "stickycookie": Refused(bool, _CREDENTIALS, "leave it empty"),
    "store_streamed_bodies": Refused(bool, _UNLIMITED, "use INSPECT_STREAM_BYTES, which has one"),
    "stream_large_bodies": Refused(
        bool, "send a body before its budget is asked, and pass an answer that is not measured", "leave it empty"
    ),
    "tcp_hosts": Refused(bool, _UNSEEN, "leave it empty"),
    "udp_hosts": Refused(bool, _UNSEEN, "leave it empty"),
    "upstream_auth": Refused(bool, _CREDENTIALS, "put user and password nowhere; callers bring their credentials"),
    "validate_inbound_headers": Refused(
        lambda value: not value,
        "let a request be read in two ways, one of which is not billed",
        "leave it on",
    ),
    "websocket": Refused(lambda value: not value, "pass WebSockets unread, and so without a bill", "leave it on"),
}

HANDLED: dict[str, str] = {
    "anticache": "Removes conditions from requests, which LLM calls do not have.",
    "anticomp": "Asks for plain answers; compressed ones are measured too.",
    "block_list": "A call that it answers costs nothing; its event says `answered_locally`.",
    "client_replay": "A replayed call is budgeted and billed like any other; its event says `replayed`.",
    "confdir": "Its config.yaml is applied with the precedence of docs/configuration.md, and these checks apply to it.",
    "flow_detail": "From 2 on mitmdump prints heads and bodies, keys included: for a terminal, never for a log.",
    "intercept": "A call that waits for you keeps its reservation until it goes on.",
    "listen_host": "The address of the listeners, opened after the configuration has been read.",
    "listen_port": "PROXY_PORT sets it.",
    "map_local": "A call that it answers costs nothing; its event says `answered_locally`.",
    "map_remote": "A call is aimed at its provider after it, so it changes nothing for calls.",
    "modify_headers": "Applied before the gateway reads a head, so a team that it sets counts.",
    "onboarding": "mitm.it is for clients of a plain HTTP proxy, which the gateway is not.",
    "rawtcp": "Raw TCP is only passed to hosts that are no LLM providers.",
    "readfile_filter": "Flows that are read from a file cost nothing.",
    "rfile": "Flows that are read from a file cost nothing.",
    "save_stream_file": "Saves whole flows, keys included: keep the file as you keep keys.",
    "scripts": "An error in another script skips nothing of ModelTrack's. What a script answers costs nothing.",
    "server_replay": "A call that it answers costs nothing; its event says `answered_locally`.",
    "show_ignored_hosts": "What is tunnelled to other hosts is never kept.",
    "ssl_insecure": "Sends keys to whoever answers in a provider's place: for one of your own, on your own machine.",
    "tcp_timeout": "How long a silent provider is waited for; at the end the call fails, and is settled.",
    "termlog_verbosity": "LOG_LEVEL sets it.",
}

HARMLESS: dict[str, str] = {
    "what mitmproxy's own interfaces show and keep": """
        command_history console_default_contentview console_eventlog_verbosity console_flowlist_layout
        console_focus_follow console_layout console_layout_headers console_mouse console_palette
        console_palette_transparent console_quickhelp_visible console_strip_trailing_newlines content_view_lines_cutoff
        dumper_default_contentview dumper_filter export_preserve_original_ip intercept_active protobuf_definitions
        save_stream_filter showhost view_filter view_order view_order_reversed web_columns web_debug web_host
        web_open_browser web_password web_port web_static_viewer web_theme""",
    "certificates and TLS": """
        add_upstream_certs_to_client_chain cert_passphrase certs ciphers_client ciphers_server client_certs emudhra
        emudhra_old key_size request_client_cert ssl_verify_upstream_trusted_ca ssl_verify_upstream_trusted_confdir
        tls_ecdh_curve_client tls_ecdh_curve_server tls_version_client_max tls_version_client_min
        tls_version_server_max tls_version_server_min upstream_cert""",
    "who may connect, and from where the proxy does": "block_global block_private connect_addr server",
    "modes and protocols that the gateway does not have": """
        dns_name_servers dns_use_hosts_file http2_ping_keepalive http3 http_connect_send_host_header
        normalize_outbound_headers onboarding_host strip_ech""",
    "details of replays and of the Host header": """
        client_replay_concurrency keep_host_header keepserving server_replay_extra server_replay_ignore_content
        server_replay_ignore_host server_replay_ignore_params server_replay_ignore_payload_params
        server_replay_ignore_port server_replay_kill_extra server_replay_nopop server_replay_refresh
        server_replay_reuse server_replay_use_headers""",
}
"""The names of the others, by what they are about."""


def problem(options: Mapping[str, Any]) -> str:
    """Return the first promise that these options would break, in one line; "" if they break none."""
    for name, value in options.items():
        refused = REFUSED.get(name)
        if refused and _breaks(refused, value):
            shown = value if isinstance(value, str) else repr(value)
            return f"{name}={shown[:100]} would {refused.promise}, so it is refused: {refused.instead}"
    return ""


def _breaks(refused: Refused, value: Any) -> bool:
    try:
        return refused.breaks(value)
    except (ValueError, exceptions.OptionsError):
        return False
