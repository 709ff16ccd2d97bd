"""Identity: take keys out of requests before anything else sees them, and close what a revoked key has opened.

Who the caller is decides addons/flow/caller.py, once routing knows what a request asks for.
"""

import asyncio
import logging
from collections.abc import Callable
from urllib.parse import unquote

from mitmproxy import connection, ctx, http

from addons.callers.keys import KEY_WITHIN
from addons.callers.presented import NOTHING, SLOTS, presented
from addons.core import Core
from addons.engine.connections.client import ClientConnection
from addons.flow.attached import attach_shown
from addons.flow.guard import describe, guarded
from addons.flow.replays import is_replay
from addons.flow.replies import refuse
from addons.llm.denial import Denial, invalid

logger = logging.getLogger(__name__)

_CLOSE_SECONDS = 0.1
"""How long the client of a WebSocket has to get its last event."""
_MASKED = "mt-***"
_FAILED = Denial(500, "proxy_error", "ModelTrack could not handle the request; its log says why.", retry_after=1)


class Identity:
    def __init__(self, core: Core, revoke: Callable[[str], None]) -> None:
        """`revoke` tells the client of an open WebSocket, by the id of its connection, why that is closed."""
        self.core = core
        self._revoke = revoke
        core.on_tick.append(self._look)

    def failed(self, flow: http.HTTPFlow) -> None:
        refuse(flow, None, _FAILED)

    @guarded
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if not flow.live:
            return
        request = flow.request
        fields = request.headers.fields
        try:
            shown = presented(fields, request.path, is_tunnelled=flow.client_conn.id in self.core.tunnels)
        except ValueError as error:
            _mask(request)
            refuse(flow, None, invalid(error))
            return
        if is_replay(flow):
            attach_shown(flow, shown)  # in place of what was shown the first time
        if shown is not NOTHING:
            request.headers.fields = tuple([field for field in fields if field[0].lower() not in shown.shown_in])
            attach_shown(flow, shown)

    def _look(self) -> None:
        """Close the connections whose key has been disabled, or has ended."""
        try:
            keys, now = self.core.keys.value, self.core.now()
            for client_id, digests in list(self.core.opened_by.items()):
                if not all(keys.find(digest, now) for digest in digests):
                    del self.core.opened_by[client_id]
                    self._revoke(client_id)
                    asyncio.get_running_loop().call_later(_CLOSE_SECONDS, _close, client_id)
        except Exception as error:
            logger.error("connections of revoked keys could not be closed: %s", describe(error))

    def client_disconnected(self, client: connection.Client) -> None:
        self.core.opened_by.pop(client.id, None)


def _close(client_id: str) -> None:
    handler = ctx.master.addons.get("proxyserver").connections.get(client_id)
    if handler and handler.client in handler.transports:
        ClientConnection(handler, handler.layer.context).close("its key is valid no more")


def _mask(request: http.Request) -> None:
    """Take out of a request that is refused every key, and each header that may have one in another form."""
    request.headers.fields = tuple(
        (name, value)
        for name, value in request.headers.fields
        if name.lower() not in SLOTS and not KEY_WITHIN.search(value.decode("latin-1"))
    )
    path = KEY_WITHIN.sub(_MASKED, request.path)
    request.path = f"/{_MASKED}" if KEY_WITHIN.search(unquote(path)) else path
