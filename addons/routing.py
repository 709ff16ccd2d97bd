"""Routing: find out by its path what a request is and where it goes; read who it is for and what its body asks."""

import time
from collections.abc import Awaitable

from mitmproxy import http

from addons.callers.attribution import NO_CACHE_HEADER, headers_of, is_yes
from addons.callers.caller import Caller
from addons.callers.presented import NOTHING
from addons.callers.signatures import is_signature
from addons.core import Core, Tunnel
from addons.flow.attached import asks_for_websocket, attach, call_of, open_call, shown_by, untracked_call
from addons.flow.bodies.reading import read_body
from addons.flow.caller import find_caller, read_labels
from addons.flow.credentials import put_in, signs_for
from addons.flow.guard import guarded
from addons.flow.measure import has_failed
from addons.flow.replays import KEY_ID_HEADER, begin_again, is_replay, keep_record, record_of, was_sent
from addons.flow.replies import refuse
from addons.flow.upstream import aim, send_to
from addons.llm.cache_key import SIGV4
from addons.llm.call import CallState, LLMCall, UntrackedCall
from addons.llm.denial import Denial, invalid
from addons.llm.hosts import Host, below, is_own, own_path, tracked_on, untracked_on
from addons.llm.paths.table import PathClass
from addons.llm.providers import NotConfigured, Provider
from addons.llm.providers.bedrock import BEDROCK, signing_name
from addons.llm.providers.responses import RESPONSES
from addons.llm.responses_socket import ResponsesSocket
from addons.llm.routes import PassedThrough, Status, Tracked, for_whom, passed_to, resolve

_FAILED = Denial(500, "proxy_error", "ModelTrack could not handle the request; its log says why.", retry_after=1)


class Routing:
    def __init__(self, core: Core) -> None:
        self.core = core

    def failed(self, flow: http.HTTPFlow) -> None:
        refuse(flow, call_of(flow), _FAILED)

    @guarded
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if not flow.live:
            return  # the flow was read from a file (`-r`, mitmweb's "open"), so it costs nothing again
        if flow.response:
            return  # Doors has answered it
        if self.core.failure:
            message = f"ModelTrack is not serving: {self.core.failure}"
            refuse(flow, None, Denial(503, "not_configured", message, retry_after=5))
            return
        path = flow.request.path.partition("?")[0]
        if is_replay(flow):
            self._replay(flow, path)
            return
        if tunnel := self.core.tunnels.get(flow.client_conn.id):
            self._through_tunnel(flow, tunnel, path)
            return
        if (authority := flow.request.authority) and not is_own(authority, *flow.client_conn.sockname[:2]):
            message = (
                "ModelTrack is no proxy for plain HTTP: it takes CONNECT, and requests for itself. Set HTTPS_PROXY, not"
                " HTTP_PROXY, or put the host in NO_PROXY."
            )
            refuse(flow, None, Denial(403, "not_a_proxy", message))
            return
        self._route(flow, path)

    def _route(self, flow: http.HTTPFlow, path: str) -> None:
        route = resolve(path)
        if isinstance(route, Tracked):
            self._track(flow, for_whom(route, flow.request.headers.fields))
        elif isinstance(route, PassedThrough):
            self._pass_through(flow, route)
        elif isinstance(route, Status):
            attach(flow, route)
        else:
            refuse(flow, None, _no_route(path))

    def _replay(self, flow: http.HTTPFlow, path: str) -> None:
        """Route a recorded request that is sent again; what was edited in it counts, but for its host.

        One without a record is routed as if a client had sent it: it has not been aimed at a provider.
        """
        record = record_of(flow)
        begin_again(flow, record)
        if asks_for_websocket(flow.request):
            refuse(flow, None, Denial(400, "invalid_request_error", "A WebSocket cannot be replayed."))
        elif record is None:
            self._route(flow, path)
        elif record.base_url:
            self._through_tunnel(flow, Tunnel((below(record.provider, record.base_url),), NOTHING), path)
        elif own := own_path(path, record.provider, self.core.settings.endpoints):
            self._route(flow, own)
        else:
            message = f"{path[:200]!r} is below no base URL that {record.provider.name} has now, so it is not replayed."
            refuse(flow, None, Denial(404, "not_found", message))

    def _through_tunnel(self, flow: http.HTTPFlow, tunnel: Tunnel, path: str) -> None:
        if not tunnel.hosts:
            refuse(flow, None, Denial(403, "tunnel_refused", "This connection was made to another host."))
        elif not path.startswith("/"):  # `OPTIONS *` asks about a server, and that is not the provider's here
            refuse(flow, None, _no_route(path))
        elif (found := tracked_on(tunnel.hosts, path, flow.request.headers.fields)) and (
            flow.request.method == "POST" or _opens_socket(flow, found[1])
        ):
            host, route = found
            self._track(flow, route, tunnel, host)
        else:
            provider, url, kind = untracked_on(tunnel.hosts, flow.request.method, path)
            if call := self._untracked(flow, provider, kind, tunnel):
                self._send_untracked(flow, call, url, tunnel)

    def _track(
        self, flow: http.HTTPFlow, route: Tracked, tunnel: Tunnel | None = None, host: Host | None = None
    ) -> None:
        opens_socket = _opens_socket(flow, route)
        if flow.request.method != "POST" and not opens_socket:
            message = f"{route.path[:200]} takes POST{_not(flow.request.method)}."
            denial = Denial(405, "method_not_allowed", message)
            refuse(flow, None, denial, wire=route.wire, headers={"Allow": "POST"})
            return
        opt_out = self.core.routing.value.opt_out_header.lower()
        found = find_caller(self.core, flow, route.provider, tunnel, opt_out, route.wire.family)
        if isinstance(found, Denial):
            refuse(flow, None, found, wire=route.wire)
            return
        headers, caller = found
        base_url = host.base_url if host else ""
        call = LLMCall(
            route=route,
            base_url=base_url,
            attribution=caller.who,
            started=time.monotonic(),
            key=caller.key,
            signs=signs_for(self.core, flow, caller.key, route.provider, base_url),
            no_cache=is_yes(headers.get(NO_CACHE_HEADER.lower())),
            no_route=is_yes(headers.get(opt_out)),
            replayed=is_replay(flow),
        )
        if opens_socket:
            self._open_socket(flow, call, caller)
            return
        attach(flow, call)
        self.core.live[flow.id] = flow

    def _open_socket(self, flow: http.HTTPFlow, call: LLMCall, caller: Caller) -> None:
        """Attach a socket to the flow and aim it upstream, uncompressed since its messages are read."""
        flow.request.headers.pop("Sec-WebSocket-Extensions", None)
        attach(flow, ResponsesSocket(call))
        try:
            aim(flow, call, self.core.settings.endpoints, self.core.withheld)
        except NotConfigured as error:
            refuse(flow, None, Denial(503, "not_configured", str(error)), wire=call.wire)
            return
        refuse(flow, None, self._put_in(flow, call), wire=call.wire)
        self.core.remember_opened(flow.client_conn.id, caller.digest)

    def _put_in(self, flow: http.HTTPFlow, call: LLMCall) -> Denial | None:
        return put_in(self.core, flow, call.key, call.provider, call.route.path, call.base_url)

    def _pass_through(self, flow: http.HTTPFlow, route: PassedThrough) -> None:
        taken_out = ((name, b"") for name in shown_by(flow).shown_in)  # a key stood where the provider's would
        provider = passed_to(route, (*flow.request.headers.fields, *taken_out))
        call = self._untracked(flow, provider, provider.others.class_of(flow.request.method, route.path))
        if not call:
            return
        if provider is BEDROCK and (
            signs_for(self.core, flow, call.key, provider, "")
            if call.key
            else is_signature(flow.request.headers.get("authorization", ""))
        ):
            call.sign_for = signing_name(route.path)
        try:
            url = provider.url(self.core.settings.endpoints, route.path, "", "")
        except NotConfigured as error:
            refuse(flow, call, Denial(503, "not_configured", str(error)))
        else:
            self._send_untracked(flow, call, url)

    def _untracked(
        self, flow: http.HTTPFlow, provider: Provider, kind: PathClass, tunnel: Tunnel | None = None
    ) -> UntrackedCall | None:
        """Attach to the flow what it is, or refuse it. One that opens a WebSocket may cost money, even by a GET."""
        found = find_caller(self.core, flow, provider, tunnel)
        if isinstance(found, Denial):
            refuse(flow, None, found)
            return None
        _, caller = found
        call = UntrackedCall(
            provider=provider,
            attribution=caller.who,
            key=caller.key,
            path_class=PathClass.UNMETERED if asks_for_websocket(flow.request) else kind,
            started=time.monotonic(),
            replayed=is_replay(flow),
        )
        attach(flow, call)
        if asks_for_websocket(flow.request):
            self.core.remember_opened(flow.client_conn.id, caller.digest)
        self.core.counts.untracked += 1
        if call.may_cost:
            self.core.live[flow.id] = flow  # until its event is written
        return call

    def _send_untracked(self, flow: http.HTTPFlow, call: UntrackedCall, url: str, tunnel: Tunnel | None = None) -> None:
        """Pass a request on as it comes, without parsing it; one that is to be signed is received whole first.

        `url` is without the query.
        """
        flow.request.stream = not call.sign_for and not flow.response
        query = flow.request.path.partition("?")[2]
        separator = "&" if "?" in url else "?"
        is_signed = tunnel is not None and flow.request.headers.get("authorization", "").startswith(SIGV4)
        send_to(flow, f"{url}{separator}{query}" if query else url, self.core.withheld, keep=is_signed)
        if not call.sign_for:
            path = url.partition("://")[2].partition("/")[2]
            refuse(flow, call, put_in(self.core, flow, call.key, call.provider, "/" + path, url if tunnel else ""))
        keep_record(flow, call.provider, tunnel.hosts[0].base_url if tunnel else "", _record(call))

    def _own_headers(self, call: LLMCall) -> dict[str, str]:
        """Return ModelTrack's headers that say of a call what its request said in one way or another."""
        headers = _record(call)
        if call.no_cache:
            headers[NO_CACHE_HEADER.lower()] = "true"
        if call.no_route:
            headers[self.core.routing.value.opt_out_header.lower()] = "true"
        return headers

    @guarded
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        call = call_of(flow)
        if call and not call.is_measured and not has_failed(call) and not was_sent(flow):
            call.state, call.answered_locally = CallState.MEASURED, True  # so it costs nothing
        if flow.response and untracked_call(flow) and flow.request.stream:
            flow.response.stream = True

    @guarded
    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Parse the body, the one time that this is done, and aim the call at its provider."""
        call = open_call(flow)
        if not call:
            return None
        found = read_body(flow, call, self.core.settings.max_request_bytes)
        if found is None or isinstance(found, Denial):
            self._aim(flow, call, found)
            return None
        return self._read_apart(flow, call, found)

    async def _read_apart(self, flow: http.HTTPFlow, call: LLMCall, found: Awaitable[Denial | None]) -> None:
        denial = await found
        if open_call(flow):  # meanwhile the client may have gone, or the proxy may be stopping
            self._aim(flow, call, denial)

    def _aim(self, flow: http.HTTPFlow, call: LLMCall, denial: Denial | None) -> None:
        if denial := denial or read_labels(self.core, call):
            refuse(flow, call, denial)
            return
        try:
            aim(flow, call, self.core.settings.endpoints, self.core.withheld)
            keep_record(flow, call.provider, call.base_url, self._own_headers(call))
            if call.key and not call.signs:
                refuse(flow, call, self._put_in(flow, call))
        except NotConfigured as error:
            refuse(flow, call, Denial(503, "not_configured", str(error)))
        except ValueError as error:
            refuse(flow, call, invalid(error))


def _record(call: LLMCall | UntrackedCall) -> dict[str, str]:
    """Return the headers that say for a replay whose the call is."""
    headers = headers_of(call.attribution)
    return headers | {KEY_ID_HEADER: call.key.id} if call.key else headers


def _not(method: str) -> str:
    """Return a phrase that names a method of HTTP, and "" for a word that the client has made up."""
    return f", not {method}" if method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS") else ""


def _no_route(path: str) -> Denial:
    return Denial(404, "not_found", f"ModelTrack has no route {path[:200]!r}: docs/clients.md lists those it has.")


def _opens_socket(flow: http.HTTPFlow, route: Tracked) -> bool:
    return route.wire is RESPONSES and flow.request.method == "GET" and asks_for_websocket(flow.request)
