"""Which calls are read on once their client has closed its side, and until when."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from addons.callers.attribution import Attribution
from addons.core import Core
from addons.engine.fixes.absent_clients import Absences
from addons.flow import abandoned
from addons.flow.abandoned import hangs_up
from addons.flow.attached import attach, call_of
from addons.llm.call import CallState, LLMCall
from addons.llm.routes import Tracked, resolve
from tests.addons.cores import spend, started

BUDGETS = {"budgets": [{"team": "t", "monthly_limit": 1, "action": "block"}]}


def call_flow(state: CallState, *, connected: bool = True, status: int = 0, stream: bool = False) -> http.HTTPFlow:
    flow, route = tflow.tflow(), resolve("/v1/messages")
    assert isinstance(route, Tracked)
    call = LLMCall(route, "", Attribution(team="t"), 0.0)
    call.state = state
    attach(flow, call)
    if not connected:
        flow.server_conn.timestamp_tcp_setup = None
    if status:
        flow.response = tutils.tresp(status_code=status)
        flow.response.stream = stream
    if stream:
        call.meter = call.wire.meter(False)
    return flow


SENT, OPEN, LOGGED = CallState.SENT, CallState.OPEN, CallState.LOGGED
# The flow; seconds since the client closed its side; whether it is known to be gone, and known to read; is it hung up?
CASES = {
    "nothing sent yet": (call_flow(OPEN), 9, False, False, False),
    "nothing sent yet, and gone": (call_flow(OPEN), 0, True, False, True),
    "being connected": (call_flow(SENT, connected=False), 4, False, False, False),
    "being connected for long": (call_flow(SENT, connected=False), 6, False, False, True),
    "being connected, and gone": (call_flow(SENT, connected=False), 4, True, False, False),
    "being connected for long, and gone": (call_flow(SENT, connected=False), 6, True, False, True),
    "no head": (call_flow(SENT), 500, True, False, False),
    "no head in time": (call_flow(SENT), 600, True, False, True),
    "a whole answer": (call_flow(SENT, status=200), 500, True, False, False),
    "an error": (call_flow(SENT, status=401), 500, True, False, False),
    "a stream, perhaps read": (call_flow(SENT, status=200, stream=True), 500, False, False, False),
    "a stream, and gone": (call_flow(SENT, status=200, stream=True), 0, True, False, True),
    "a stream that is read": (call_flow(SENT, status=200, stream=True), 5000, False, True, False),
    "a call that is over": (call_flow(LOGGED, status=200, stream=True), 0, True, False, True),
    "no call": (tflow.tflow(), 0, True, False, True),
    "no call, perhaps read": (tflow.tflow(), 9, False, False, False),
}


@pytest.mark.parametrize("case", CASES)
def test_a_call_is_hung_up_where_that_ends_it_at_the_provider_or_its_time_is_over(tmp_path: Path, case: str) -> None:
    flow, seconds, is_gone, is_reading, expected = CASES[case]
    with started(tmp_path) as core:
        assert hangs_up(core, flow, seconds, is_gone=is_gone, is_reading=is_reading) is expected


def test_a_stream_that_is_finished_is_read_on_for_its_usage(tmp_path: Path) -> None:
    flow = call_flow(SENT, status=200, stream=True)
    call = call_of(flow)
    assert call and call.meter
    call.meter.finished = True  # type: ignore[misc]
    with started(tmp_path) as core:
        assert not hangs_up(core, flow, 0, is_gone=True, is_reading=False)


@pytest.mark.parametrize(("status", "expected"), [(200, True), (401, False), (0, False)])
def test_once_the_budget_is_spent_an_accepted_answer_is_hung_up(tmp_path: Path, status: int, expected: bool) -> None:
    """One that has no head yet is waited for: what it costs would never be known."""
    with started(tmp_path, {"budgets.json": BUDGETS}) as core:
        flow = call_flow(SENT, status=status)
        assert not hangs_up(core, flow, 0, is_gone=True, is_reading=False)
        spend(core, 10**9)
        assert hangs_up(core, flow, 0, is_gone=True, is_reading=False) is expected


def test_only_so_many_calls_are_read_on_at_once(tmp_path: Path) -> None:
    with started(tmp_path) as core:
        core.counts.abandoned_now = abandoned.MOST_CALLS - 1
        assert abandoned.leave(core, call_flow(SENT))
        core.counts.abandoned_now += 1
        assert not abandoned.leave(core, call_flow(SENT)) and abandoned.leave(core, tflow.tflow())


@pytest.mark.parametrize(("seconds", "expected"), [(0, False), (1, True)])
def test_with_no_time_at_all_the_clients_end_is_the_calls(tmp_path: Path, seconds: int, expected: bool) -> None:
    with started(tmp_path, abandoned_seconds=seconds) as core:
        assert abandoned.leave(core, call_flow(SENT)) is expected


def test_the_largest_answer_goes_when_all_take_too_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    hung_up: list[str] = []
    absences = Absences()
    for name, size in {"small": 10, "large": 80, "woken": 90}.items():
        absences._all[name] = SimpleNamespace(name=name, size=size, is_woken=name == "woken")  # type: ignore[assignment]
    monkeypatch.setattr(absences, "_review", lambda absence: None)
    monkeypatch.setattr(absences, "_hang_up", lambda absence: hung_up.append(absence.name))
    monkeypatch.setattr("asyncio.get_running_loop", lambda: SimpleNamespace(call_later=lambda *_: None))
    for most in (100, 89):
        monkeypatch.setattr(abandoned, "MOST_BYTES", most)
        absences._check()
    assert hung_up == ["large"]


def test_a_core_counts_none_at_first() -> None:
    assert (Core().counts.abandoned, Core().counts.abandoned_now) == (0, 0)
