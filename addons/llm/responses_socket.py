"""One WebSocket of OpenAI's Responses API, on which many responses are made: which event belongs to which.

Each `response.create` is a turn. A turn is on a lane, its `stream_id` ("" here where it has none): those of one lane
are answered one after the other, those of different lanes at once, and every event of an answer repeats its lane. A
response may also be followed by one that nobody created, after a `response.steer`. Source: openai's SDK 3.54,
types/responses/responses_client_event.py and lib/responses_websocket/README.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from addons.llm.call import CallState, LLMCall
from addons.llm.denial import Denial
from addons.llm.providers.responses import CREATED, FINAL, ResponsesMeter
from addons.llm.request import LLMRequest

CREATE = "response.create"
_STEER = "response.steer"
_UNASKED = LLMRequest("", True, 0, 0, 0, 0, "")


@dataclass(slots=True, eq=False)
class Turn:
    call: LLMCall
    meter: ResponsesMeter
    """The call's."""
    lane: str
    has_begun: bool = False
    """Whether any of its answer has come."""


class ResponsesSocket:
    def __init__(self, upgrade: LLMCall) -> None:
        """`upgrade`: where the socket goes and who it is for."""
        self.upgrade = upgrade
        self.turns: list[Turn] = []
        """Those that are not over, in the order in which they were asked for."""
        self._last: LLMCall | None = None

    def new_call(self, started: float) -> LLMCall:
        """`started` in seconds, monotonic."""
        up = self.upgrade
        return LLMCall(up.route, up.base_url, up.attribution, started, no_cache=True, no_route=up.no_route)

    def ask(self, call: LLMCall, body: dict[str, Any]) -> None:
        """Take in a `response.create`, which always streams. Raises ValueError where there is no model."""
        call.ask(body)
        assert call.request
        call.request = replace(call.request, stream=True)

    def add(self, call: LLMCall, lane: str) -> Turn:
        """A call that is on its way to the provider."""
        call.state = CallState.SENT
        call.meter = meter = ResponsesMeter()
        call.body = {}  # a socket may be open for an hour
        turn = Turn(call, meter, lane)
        self.turns.append(turn)
        self._last = call
        return turn

    def new_successor(self, started: float) -> LLMCall:
        """The call of a response that nobody created: its settings are those of the one before."""
        call = self.new_call(started)
        call.request = self._last.request if self._last else _UNASKED
        call.model = self._last.model if self._last else ""
        return call

    def turn_of(self, kind: str, event: Mapping[str, Any]) -> Turn | None:
        """The turn that an event of the provider's belongs to."""
        if kind != "error" and (not kind.startswith("response.") or kind.startswith(_STEER)):
            return None
        lane = lane_of(event)
        head = next((turn for turn in self.turns if turn.lane == lane), None)
        if kind != "error" or lane or (head and not head.has_begun) or event.get("sequence_number") is not None:
            return head
        # Of the whole connection, or of a turn whose lane it does not repeat; the answer that has begun goes on.
        return next((turn for turn in self.turns if not turn.has_begun), None)


def begins(kind: str) -> bool:
    """Whether such an event, where no turn waits for it, is of a response that nobody created."""
    return kind == CREATED or kind in FINAL


def lane_of(event: Mapping[str, Any]) -> str:
    lane = event.get("stream_id")
    return lane[:256] if isinstance(lane, str) else ""


def error_event(denial: Denial, lane: str) -> dict[str, Any]:
    """As the SDK's ResponseWsError."""
    error = {
        "type": denial.kind,
        "code": denial.kind,
        "message": denial.message,
        "param": None,
        "headers": denial.headers,
    }
    return {"type": "error", "status": denial.status, "error": error} | ({"stream_id": lane} if lane else {})


def refused_steer(denial: Denial, event: Mapping[str, Any]) -> dict[str, Any]:
    """As the SDK's ResponseSteerFailedEvent: an `error` would end the response that was to be steered."""
    error = {"type": "invalid_request_error", "code": denial.kind, "message": denial.message}
    steer = {"input": event.get("input"), "previous_response_id": event.get("previous_response_id")}
    return {"type": f"{_STEER}.failed", "sequence_number": 0, "error": error, "steer": steer}


def refusal_event(denial: Denial, event: Mapping[str, Any]) -> dict[str, Any]:
    """What the client gets instead of an answer to `event`."""
    if event.get("type") == _STEER:
        return refused_steer(denial, event)
    return error_event(denial, lane_of(event))
