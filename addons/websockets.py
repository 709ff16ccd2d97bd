"""WebSockets: treat each `response.create` on a socket of the Responses API as a call of its own.

Its budget is checked before it goes upstream, and its event is written before the client sees the end of its answer. A
refused call is not passed on: the socket stays open, and the client gets an `error` event.
"""

import logging
import time
from typing import Any

import orjson
from mitmproxy import connection, ctx, http
from mitmproxy.websocket import WebSocketMessage

from addons.core import Core
from addons.flow.admission import Admission
from addons.flow.attached import socket_of, untracked_call
from addons.flow.bodies.heavy import apart, is_heavy
from addons.flow.caller import REVOKED, read_labels, revocation
from addons.flow.downgrade import apply_rules, learn
from addons.flow.finish import CLIENT_GONE, finish
from addons.flow.guard import describe, guarded
from addons.flow.wordings import CLIENT_DISCONNECTED, PROXY_STOPPED, UPSTREAM_DISCONNECTED
from addons.llm.call import CallState, LLMCall
from addons.llm.denial import Denial, invalid, too_heavy, too_large
from addons.llm.parsing.json_edit import replace_member
from addons.llm.parsing.long_strings import shortened
from addons.llm.providers.responses import CREATED, error_name
from addons.llm.request import TooManyValues, parse_object
from addons.llm.responses_socket import CREATE, ResponsesSocket, Turn, begins, error_event, lane_of, refusal_event

logger = logging.getLogger(__name__)

_MOST_TURNS = 256
"""Responses that one socket may wait for. OpenAI answers 16 at once and queues the rest."""

_FAILED = Denial(500, "proxy_error", "ModelTrack could not handle this message; its log says why.", retry_after=1)


class WebSockets:
    def __init__(self, core: Core, admission: Admission) -> None:
        self.core = core
        self._admission = admission
        self._open: dict[str, http.HTTPFlow] = {}
        """Flows of open sockets by the id of the client's connection."""

    def failed(self, flow: http.HTTPFlow) -> None:
        """Drop a message from the client, so that none goes on unchecked; messages from the provider go on."""
        if not flow.websocket:
            flow.kill()
        elif flow.websocket.messages and (message := flow.websocket.messages[-1]).from_client:
            message.drop()
            _send(flow, error_event(_FAILED, ""))

    @guarded
    def response(self, flow: http.HTTPFlow) -> None:
        """Close a connection that switches to anything but a WebSocket that is read here.

        One that may cost money and cannot be metered has been let through.
        """
        is_switch = flow.live and flow.response is not None and flow.response.status_code == 101
        other = untracked_call(flow)
        if is_switch and not (other and other.may_cost) and not (socket_of(flow) and flow.websocket):
            logger.error("the provider switched to a protocol that cannot be metered, so the connection is closed")
            flow.kill()

    @guarded
    def websocket_start(self, flow: http.HTTPFlow) -> None:
        if flow.live and socket_of(flow):
            self._open[flow.client_conn.id] = flow

    @guarded
    async def websocket_message(self, flow: http.HTTPFlow) -> None:
        if not flow.websocket or not flow.live:
            return  # the flow was read from a file
        message = flow.websocket.messages[-1]
        del flow.websocket.messages[:-1]  # mitmproxy would keep all messages for as long as the socket is open
        socket = socket_of(flow)
        if not socket or message.injected:
            return
        if message.from_client:
            await self._from_client(flow, socket, message)
        else:
            if self._from_provider(flow, socket, message.content):
                await self.core.make_durable()

    async def _from_client(self, flow: http.HTTPFlow, socket: ResponsesSocket, message: WebSocketMessage) -> None:
        call = socket.new_call(time.monotonic())
        event: dict[str, Any] = {"type": CREATE}
        denial: Denial | None
        try:
            is_large = is_heavy(len(message.content))
            parsed = await apart(self._parse, message) if is_large else self._parse(message)
            if isinstance(parsed, Denial):
                denial = parsed
            else:
                event = parsed
                denial = await self._decide(flow, socket, call, event, message)
            if not denial and flow.client_conn.id not in self._open:
                denial = _FAILED  # meanwhile the client has gone, or the proxy is stopping
        except Exception as error:
            logger.error("a message on a WebSocket could not be handled, so it is refused: %s", describe(error))
            denial = _FAILED
        is_call = event.get("type") == CREATE
        if is_call:
            if not denial:
                socket.add(call, lane_of(event))
                self.core.live[_key(flow, call)] = flow
                return
            call.deny(denial)
            self._finish(flow, call, denial.status)
        if denial:
            message.drop()
            _send(flow, refusal_event(denial, event, call if is_call else None))

    def _parse(self, message: WebSocketMessage) -> dict[str, Any] | Denial:
        """Return the event that the message is, or why it cannot be used."""
        limit = self.core.settings.max_request_bytes
        if len(message.content) > limit:
            return too_large("message", limit)
        if not message.is_text:
            return Denial(400, "invalid_request_error", "The message is binary: send events as text.")
        try:
            return parse_object(shortened(message.content))
        except TooManyValues as error:
            return too_heavy(error)
        except ValueError as error:
            return invalid(error)

    async def _decide(
        self,
        flow: http.HTTPFlow,
        socket: ResponsesSocket,
        call: LLMCall,
        event: dict[str, Any],
        message: WebSocketMessage,
    ) -> Denial | None:
        """Return why the event is refused, or None to pass it on."""
        if denial := revocation(self.core, call.key):
            return denial
        if event.get("type") != CREATE:
            who = socket.who
            return await self._admission.decide(lambda: self._admission.check_spent(who.team, who.app))
        if len(socket.turns) >= _MOST_TURNS:
            text = f"{_MOST_TURNS} responses are waited for on this connection: wait for one of them."
            return Denial(429, "too_many_responses", text, retry_after=1)
        try:
            socket.ask(call, event)
        except ValueError as error:
            return invalid(error)
        if denial := read_labels(self.core, call):
            return denial
        denial = await self._admission.decide(lambda: self._admission.admit(call, _key(flow, call)))
        return denial or self._apply_rules(call, message)

    def _apply_rules(self, call: LLMCall, message: WebSocketMessage) -> Denial | None:
        """Apply the model rules; if they fail, the call goes on with the model that it asks for."""

        def set_model(model: bytes) -> None:
            message.content = replace_member(message.content, "model", model)

        try:
            return apply_rules(self.core, call, set_model)
        except Exception as error:
            logger.error("the model rules failed, so a call keeps its model: %s", describe(error))
            return None

    def _from_provider(self, flow: http.HTTPFlow, socket: ResponsesSocket, content: bytes) -> bool:
        """Take in an event from the provider, and return whether a call has ended with it."""
        try:
            event = orjson.loads(content)
        except orjson.JSONDecodeError:
            return False
        kind = event.get("type") if isinstance(event, dict) else None
        if not isinstance(kind, str):
            return False
        turn = socket.turn_of(kind, event)
        if turn and turn.has_begun and kind == CREATED:
            self._end(flow, socket, turn, 502, UPSTREAM_DISCONNECTED)  # its answer broke off without an end
            turn = socket.turn_of(kind, event)
        if turn is None:
            if not begins(kind):
                return False
            turn = self._successor(flow, socket, lane_of(event))
        if kind == "error" and not turn.has_begun:
            turn.call.state = CallState.MEASURED  # the provider refused it, so it costs nothing
            status = status if type(status := event.get("status")) is int else 400
            learn(self.core, turn.call, status)
            self._end(flow, socket, turn, status, error_name(event))
            return True
        return self._follow(flow, socket, turn, kind, event)

    def _follow(
        self, flow: http.HTTPFlow, socket: ResponsesSocket, turn: Turn, kind: str, event: dict[str, Any]
    ) -> bool:
        if not turn.has_begun:
            turn.has_begun = True
            turn.call.ttft_ms = turn.call.elapsed_ms()
        turn.meter.read_content(kind, event)
        if turn.meter.complete or kind == "error":
            self._end(flow, socket, turn, 200)
            return True
        return False

    def _successor(self, flow: http.HTTPFlow, socket: ResponsesSocket, lane: str) -> Turn:
        call = socket.new_successor(time.monotonic())
        self._admission.reserve(call, _key(flow, call))
        self.core.live[_key(flow, call)] = flow
        return socket.add(call, lane)

    def revoke(self, client_id: str) -> None:
        """Tell the client of a socket, if its connection has one, that the key is valid no more."""
        if flow := self._open.get(client_id):
            _send(flow, error_event(REVOKED, ""))  # no event that comes now passes: see `revocation`

    @guarded
    def websocket_end(self, flow: http.HTTPFlow) -> None:
        if flow.websocket and (socket := socket_of(flow)):
            self._close(flow, socket, CLIENT_DISCONNECTED if flow.websocket.closed_by_client else UPSTREAM_DISCONNECTED)

    def client_disconnected(self, client: connection.Client) -> None:
        """End the socket's calls if `websocket_end` has not come; this hook always comes."""
        if (flow := self._open.get(client.id)) and (socket := socket_of(flow)):
            self._close(flow, socket, CLIENT_DISCONNECTED)

    def done(self) -> None:
        """End the calls that are still in flight, since no other hook does when the proxy stops."""
        for flow in list(self._open.values()):
            if socket := socket_of(flow):
                self._close(flow, socket, PROXY_STOPPED)

    def _close(self, flow: http.HTTPFlow, socket: ResponsesSocket, reason: str) -> None:
        self._open.pop(flow.client_conn.id, None)
        for turn in list(socket.turns):
            self._end(flow, socket, turn, 502 if reason == UPSTREAM_DISCONNECTED else CLIENT_GONE, reason)

    def _end(self, flow: http.HTTPFlow, socket: ResponsesSocket, turn: Turn, status: int, error: str = "") -> None:
        socket.turns.remove(turn)
        turn.call.error = turn.call.error or error
        self._finish(flow, turn.call, status)

    def _finish(self, flow: http.HTTPFlow, call: LLMCall, status: int) -> None:
        finish(self.core, flow, call, lambda: status, _key(flow, call))


def _key(flow: http.HTTPFlow, call: LLMCall) -> str:
    """Return the call's key in `core.live`."""
    return f"{flow.id}/{id(call)}"


def _send(flow: http.HTTPFlow, event: dict[str, Any]) -> None:
    """Send the client an event as if it came from the provider."""
    ctx.master.commands.call("inject.websocket", flow, True, orjson.dumps(event), True)
