"""Match the events on a WebSocket of OpenAI's Responses API to the calls that they belong to.

Many responses are made on one WebSocket. Each `response.create` starts a turn. A turn is on a lane, which its
`stream_id` names (here "" where it has none). Turns on one lane are answered one after the other, turns on different
lanes at the same time. Every event of an answer repeats the lane. After a `response.steer`, a response may be followed
by another one that no `response.create` asked for. Source: openai's SDK 3.54,
types/responses/responses_client_event.py and lib/responses_websocket/README.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from addons.callers.attribution import Attribution
from addons.llm.call import CALL_HEADER, CallState, LLMCall
from addons.llm.denial import Denial
from addons.llm.providers.responses import CREATED, FINAL, RESPONSES, ResponsesMeter
from addons.llm.request import LLMRequest

CREATE = "response.create"
_STEER = "response.steer"
_UNASKED = LLMRequest("", True, 0, 0, 0, 0, "")


@dataclass(slots=True, eq=False)
class Turn:
    """Hold the state of a call on the WebSocket that is not over yet."""

    call: LLMCall
    meter: ResponsesMeter
    """The same as `call.meter`, with its exact type."""
    lane: str
    has_begun: bool = False
    """Whether a part of the answer has arrived."""


class ResponsesSocket:
    def __init__(self, upgrade: LLMCall) -> None:
        """`upgrade` is the call of the HTTP request that opened the socket: it says where that goes and whose it is."""
        self.upgrade = upgrade
        self.turns: list[Turn] = []
        """The turns that are not over, in the order in which they were asked for."""
        self._last: LLMCall | None = None

    @property
    def who(self) -> Attribution:
        """Return who the last call was for; the one who opened the socket if there was none."""
        return self._last.attribution if self._last else self.upgrade.attribution

    def new_call(self, started: float) -> LLMCall:
        """Make a call for a turn; `started` is in seconds of the monotonic clock."""
        up = self.upgrade
        return LLMCall(up.route, up.base_url, up.attribution, started, key=up.key, no_cache=True, no_route=up.no_route)

    def ask(self, call: LLMCall, body: dict[str, Any]) -> None:
        """Read what a `response.create` asks for; it always streams. Raises ValueError where no model is named."""
        call.ask(body)
        assert call.request
        call.request = replace(call.request, stream=True)

    def add(self, call: LLMCall, lane: str) -> Turn:
        """Add the turn of a call that is being sent to the provider."""
        call.state = CallState.SENT
        call.meter = meter = ResponsesMeter()
        call.body = {}  # frees memory: a socket may be open for an hour
        turn = Turn(call, meter, lane)
        self.turns.append(turn)
        self._last = call
        return turn

    def new_successor(self, started: float) -> LLMCall:
        """Make the call of a response that no `response.create` asked for: it has the settings of the call before."""
        call = self.new_call(started)
        call.request = self._last.request if self._last else _UNASKED
        call.model = self._last.model if self._last else ""
        call.attribution = self.who
        return call

    def turn_of(self, kind: str, event: Mapping[str, Any]) -> Turn | None:
        """Return the turn that an event from the provider belongs to, None where it belongs to no turn."""
        if kind != "error" and (not kind.startswith("response.") or kind.startswith(_STEER)):
            return None
        lane = lane_of(event)
        head = next((turn for turn in self.turns if turn.lane == lane), None)
        if kind != "error" or lane or (head and not head.has_begun) or event.get("sequence_number") is not None:
            return head
        # The error is about the whole connection, or about a turn whose lane it does not repeat. An answer that has
        # begun goes on, so the error ends a turn that has not.
        return next((turn for turn in self.turns if not turn.has_begun), None)


def begins(kind: str) -> bool:
    """Return whether an event of this kind, when no turn waits for it, belongs to a response without a create."""
    return kind == CREATED or kind in FINAL


def lane_of(event: Mapping[str, Any]) -> str:
    lane = event.get("stream_id")
    return lane[:256] if isinstance(lane, str) else ""


def error_event(denial: Denial, lane: str, call: LLMCall | None = None) -> dict[str, Any]:
    """Return the error as an event in the form of the SDK's ResponseWsError; `call` is the one that is refused.

    Codex looks for the headers beside the error, not in it.
    """
    headers = denial.headers_for(RESPONSES.family) | ({CALL_HEADER: call.event_id} if call else {})
    error = {**denial.openai_error(), "headers": headers}
    event = {"type": "error", "status": denial.status, "error": error, "headers": headers}
    return event | ({"stream_id": lane} if lane else {})


def refused_steer(denial: Denial, event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the refusal of a steer in the form of the SDK's ResponseSteerFailedEvent.

    An `error` event would end the response that was to be steered.
    """
    error = {"type": "invalid_request_error", "code": denial.kind, "message": denial.message}
    steer = {"input": event.get("input"), "previous_response_id": event.get("previous_response_id")}
    return {"type": f"{_STEER}.failed", "sequence_number": 0, "error": error, "steer": steer}


def refusal_event(denial: Denial, event: Mapping[str, Any], call: LLMCall | None = None) -> dict[str, Any]:
    """Return the event that the client gets instead of an answer to `event`, which asks for `call` or for none."""
    if event.get("type") == _STEER:
        return refused_steer(denial, event)
    return error_event(denial, lane_of(event), call)
