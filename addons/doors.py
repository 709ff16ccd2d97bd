"""Doors: refuse requests of web pages that may not call, at the head, and let allowed pages read their answers."""

from mitmproxy import ctx, http

from addons.callers import origins
from addons.core import Core
from addons.flow.guard import guarded
from addons.flow.headers import header, put
from addons.flow.replays import is_replay
from addons.flow.replies import refuse
from addons.llm.denial import Denial
from addons.llm.routes import Tracked, resolve

_HEADERS = {name.encode(): name for name in origins.HEADERS}
_OF_BROWSERS = frozenset(name.encode() for name in origins.OF_BROWSERS)


class Doors:
    def __init__(self, core: Core) -> None:
        self.core = core

    def failed(self, flow: http.HTTPFlow) -> None:
        message = "ModelTrack could not handle the request; its log says why."
        refuse(flow, None, Denial(500, "proxy_error", message, retry_after=1))

    @guarded
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Refuse a page's request, or answer a browser that asks whether an allowed page may send one.

        What comes through a tunnel is for the provider's own host: a page asked that, and a person has set up the
        browser to use HTTPS_PROXY and to trust its CA. No page can open a tunnel.
        """
        if _OF_BROWSERS.isdisjoint([name.lower() for name, _ in flow.request.data.headers.fields]):
            return  # most programs
        if not flow.live or self.core.failure or flow.client_conn.id in self.core.tunnels or is_replay(flow):
            return
        found = _headers_of(flow.request)
        method, allowed = flow.request.method, self.core.settings.allowed_origins
        if reason := origins.refusal(method, found, allowed, (ctx.options.listen_host.lower(),)):
            route = resolve(flow.request.path.partition("?")[0])
            wire = route.wire if isinstance(route, Tracked) else None
            refuse(flow, None, Denial(403, "origin_not_allowed", reason), wire=wire)
        elif answer := origins.preflight(method, found, allowed):
            flow.response = http.Response.make(204, b"", answer)

    @guarded
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        self._share(flow)

    @guarded
    def response(self, flow: http.HTTPFlow) -> None:
        """Do so again, since the answer may have been replaced by an error."""
        self._share(flow)

    def _share(self, flow: http.HTTPFlow) -> None:
        if self.core.failure or not (allowed := self.core.settings.allowed_origins):
            return
        if flow.live and flow.response and flow.client_conn.id not in self.core.tunnels:
            headers = flow.response.headers
            put(headers, origins.shared(header(flow.request.headers, b"origin"), allowed, header(headers, b"vary")))


def _headers_of(request: http.Request) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw_name, raw_value in request.headers.fields:
        if name := _HEADERS.get(raw_name.lower()):
            value = raw_value.decode("latin-1")
            found[name] = f"{found[name]}, {value}" if name in found else value
    if "host" not in found and request.authority:
        found["host"] = request.authority
    return found
