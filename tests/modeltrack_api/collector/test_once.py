import json
import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from addons.ledger.event_log import EventLog
from addons.ledger.events import CostEvent, InfraEvent
from modeltrack_api.collector.once import OnceLog, State
from tests.modeltrack_api.collector.conftest import HOUR, events_in


def infra(number: int, **more: Any) -> InfraEvent:
    usual = {"timestamp": HOUR.start, "event_type": "gpu_compute", "provider": "aws", "cost_nanos": number}
    return InfraEvent(**{"event_id": f"id-{number}"} | usual | more)


def call(minutes: int) -> bytes:
    """Return a line that the proxy wrote, so many minutes after the window's end."""
    when = HOUR.end + timedelta(minutes=minutes)
    return CostEvent(
        timestamp=when, provider="openai", model="m", cost_nanos=1, latency_ms=1, status_code=200, is_streaming=False
    ).line()


def opened(folder: Path, **limits: Any) -> OnceLog:
    log = OnceLog(EventLog(folder / "cost_events.jsonl", **limits))
    log.open(HOUR.end)
    return log


def ids(folder: Path) -> list[str]:
    return [event["event_id"] for event in events_in(folder)]


EVENTS = [infra(n) for n in range(5)]
IDS = [event.event_id for event in EVENTS]


def test_what_is_written_twice_is_in_the_log_once(tmp_path: Path) -> None:
    log = opened(tmp_path)
    assert [log.write(EVENTS[:3]), log.write(EVENTS), log.write(EVENTS)] == [3, 2, 0]
    assert ids(tmp_path) == IDS


def test_also_after_a_restart(tmp_path: Path) -> None:
    opened(tmp_path).write(EVENTS[:3])
    assert opened(tmp_path).write(EVENTS) == 2
    assert ids(tmp_path) == IDS


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_that_was_cut_short_is_written_again(tmp_path: Path, cut: int) -> None:
    opened(tmp_path).write(EVENTS[:3])
    path = tmp_path / "cost_events.jsonl"
    os.truncate(path, path.stat().st_size - cut)
    opened(tmp_path).write(EVENTS)
    assert sorted(ids(tmp_path)) == IDS


def test_in_a_log_with_many_calls_before_and_after(tmp_path: Path) -> None:
    """The collector's events are found although their times are older than those of the calls around them."""
    path = tmp_path / "cost_events.jsonl"
    before = [call(minutes) for minutes in range(-3000, 1)]
    after = [call(minutes) for minutes in range(1, 3000)]
    path.write_bytes(b"\n".join([*before, *(event.line() for event in EVENTS[:4]), *after, b""]))
    assert opened(tmp_path).write(EVENTS) == 1


def test_in_a_part_of_the_log_that_was_rotated(tmp_path: Path) -> None:
    opened(tmp_path).write(EVENTS[:3])
    (tmp_path / "cost_events.jsonl").rename(tmp_path / "cost_events.jsonl.1")
    os.utime(tmp_path / "cost_events.jsonl.1", (HOUR.end.timestamp() + 60,) * 2)
    assert opened(tmp_path).write(EVENTS) == 2


def test_what_the_log_does_not_take_is_an_error_and_is_written_once_it_does(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    log = opened(folder, max_pending=2)
    (folder / "cost_events.jsonl").unlink()
    folder.rmdir()
    folder.write_text("in the way")
    for _ in range(2):
        with pytest.raises(OSError, match=r"cost_events\.jsonl: "):
            log.write(EVENTS)
    folder.unlink()
    log.write(EVENTS)
    assert sorted(ids(folder)) == IDS


def test_the_state_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "collector_state.json"
    state = State(path)
    state.load()
    assert state.until("aws") is None
    state.advance("aws", HOUR.start)
    state.advance("opencost", HOUR.end)
    assert json.loads(path.read_text()) == {
        "collected_until": {"aws": "2026-11-24T10:00:00+00:00", "opencost": "2026-11-24T11:00:00+00:00"}
    }
    again = State(path)
    again.load()
    assert (again.until("aws"), again.until("opencost")) == (HOUR.start, HOUR.end)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b'{"collected_until": []}', b'{"collected_until": {"aws": 1}}', b"\xff", b"[" * 9999],
)
def test_a_state_that_cannot_be_read_is_begun_anew(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "collector_state.json"
    path.write_bytes(content)
    state = State(path)
    with caplog.at_level(logging.WARNING):
        state.load()
    assert state.until("aws") is None
    assert "starting again from COLLECT_BACKFILL_DAYS ago" in caplog.text
