"""Test which event on a WebSocket belongs to which call."""

from typing import Any

import openai.types.responses.responses_server_event as sdk
import pytest
from openai.types.responses import ResponseSteerFailedEvent

from addons.callers.attribution import Attribution
from addons.llm.call import CallState, LLMCall
from addons.llm.denial import Denial
from addons.llm.providers.openai import OPENAI
from addons.llm.providers.responses import RESPONSES, ResponsesMeter
from addons.llm.responses_socket import ResponsesSocket, Turn, begins, lane_of, refusal_event
from addons.llm.routes import Tracked
from addons.llm.usage import Estimate

DENIAL = Denial(429, "budget_exceeded", "Spent.")
DELTA = "response.output_text.delta"


@pytest.fixture
def socket() -> ResponsesSocket:
    route = Tracked(OPENAI, RESPONSES, "/v1/responses")
    return ResponsesSocket(LLMCall(route, "http://up", Attribution(team="t"), started=1.0, no_route=True))


def add(socket: ResponsesSocket, lane: str = "", has_begun: bool = False, **body: Any) -> Turn:
    call = socket.new_call(2.0)
    socket.ask(call, {"type": "response.create", "model": "m", "input": "four" * 5} | body)
    turn = socket.add(call, lane)
    turn.has_begun = has_begun
    return turn


def test_a_call_is_for_whom_the_socket_is_and_always_streams(socket: ResponsesSocket) -> None:
    call = add(socket, stream=False).call
    assert (call.attribution.team, call.base_url, call.no_route, call.started) == ("t", "http://up", True, 2.0)
    assert (call.is_stream, call.state, call.model) == (True, CallState.SENT, "m")


def test_a_call_without_a_model_is_refused(socket: ResponsesSocket) -> None:
    with pytest.raises(ValueError, match="no model"):
        socket.ask(socket.new_call(2.0), {"type": "response.create"})


def test_the_turns_of_a_lane_are_answered_in_their_order(socket: ResponsesSocket) -> None:
    first, other, second = add(socket), add(socket, "a"), add(socket)
    assert socket.turn_of(DELTA, {}) is first
    assert socket.turn_of(DELTA, {"stream_id": "a"}) is other
    socket.turns.remove(first)
    assert socket.turn_of(DELTA, {}) is second
    assert socket.turn_of(DELTA, {"stream_id": "b"}) is None


@pytest.mark.parametrize("kind", ["response.steer.accepted", "response.steer.failed", "codex.rate_limits", "session.x"])
def test_an_event_of_another_kind_belongs_to_none(socket: ResponsesSocket, kind: str) -> None:
    add(socket)
    assert socket.turn_of(kind, {}) is None


# Each row: the lanes of the turns, with "+" where the answer has begun; the error; the index of the turn that it ends.
ERRORS: list[tuple[list[str], dict[str, Any], int | None]] = [
    ([], {}, None),
    ([""], {}, 0),
    (["", "a"], {"stream_id": "a"}, 1),
    (["+", "a+"], {"stream_id": "a"}, 1),
    ([""], {"stream_id": "a"}, None),
    (["+"], {"sequence_number": 7}, 0),
    (["+"], {"status": 400}, None),
    (["+", "a"], {"status": 400}, 1),
    (["a+", "bad lane"], {"status": 400}, 1),
]


@pytest.mark.parametrize(("lanes", "error", "ended"), ERRORS)
def test_an_error_belongs_to_the_answer_it_breaks_off_or_the_turn_it_refuses(
    socket: ResponsesSocket, lanes: list[str], error: dict[str, Any], ended: int | None
) -> None:
    turns = [add(socket, lane.removesuffix("+"), lane.endswith("+")) for lane in lanes]
    assert socket.turn_of("error", error) is (None if ended is None else turns[ended])


def test_a_response_that_nobody_created_is_estimated_by_the_one_before(socket: ResponsesSocket) -> None:
    assert socket.new_successor(3.0).is_stream
    before = add(socket).call
    after = socket.new_successor(3.0)
    assert (after.model, after.estimate(), after.started) == ("m", before.estimate(), 3.0)
    assert begins("response.created") and begins("response.completed") and not begins(DELTA)


@pytest.mark.parametrize(("event", "lane"), [({}, ""), ({"stream_id": "a"}, "a"), ({"stream_id": 7}, "")])
def test_a_lane_is_a_name(event: dict[str, Any], lane: str) -> None:
    assert lane_of(event) == lane


def test_a_refusal_is_an_event_of_the_sdk() -> None:
    event = refusal_event(DENIAL, {"type": "response.create", "stream_id": "a"})
    error = sdk.ResponseWsError.model_validate(event, strict=True)
    assert (error.status, error.stream_id, error.error.code) == (429, "a", "budget_exceeded")
    steer = {"type": "response.steer", "input": "go on", "previous_response_id": "r"}
    failed = ResponseSteerFailedEvent.model_validate(refusal_event(DENIAL, steer))
    assert (failed.error.message, failed.steer.input) == ("Spent.", "go on")


def test_a_parsed_event_is_metered_as_a_streamed_one_is() -> None:
    meter = ResponsesMeter()
    meter.read_content("response.created", {"response": {"model": "gpt-4o-2024-11-20"}})
    for delta in ("é", "ab", None):
        meter.read_content(DELTA, {"delta": delta})
    assert (meter.model, meter.text_bytes, meter.complete) == ("gpt-4o-2024-11-20", 4, False)
    meter.read_content("response.incomplete", {"response": {"usage": {"input_tokens": 5, "output_tokens": 3}}})
    usage = meter.usage(Estimate(0, 0))
    assert (meter.complete, usage.input_tokens, usage.output_tokens, usage.estimated) == (True, 5, 3, False)


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ({"type": "error", "status": 400, "error": {"type": "t", "code": "c"}}, "t"),
        ({"type": "error", "code": "server_error", "message": "m"}, "server_error"),
        ({"type": "error"}, "error"),
    ],
)
def test_an_error_is_named_wherever_its_name_is(event: dict[str, Any], name: str) -> None:
    meter = ResponsesMeter()
    meter.read_content("error", event)
    assert meter.error == name


def test_a_response_that_nobody_asked_for_is_for_whom_the_last_call_was(socket: ResponsesSocket) -> None:
    assert (socket.who.team, socket.new_successor(3.0).attribution.team) == ("t", "t")
    call = socket.new_call(2.0)
    socket.ask(call, {"type": "response.create", "model": "m", "input": "x"})
    call.attribution = Attribution(team="named in the body")
    socket.add(call, "")
    assert socket.who is socket.new_successor(3.0).attribution is call.attribution
    assert socket.new_call(4.0).attribution.team == "t"
