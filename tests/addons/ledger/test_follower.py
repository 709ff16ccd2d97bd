import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.ledger.event_log import EventLog
from addons.ledger.events import new_event_id
from addons.ledger.follower import LogFollower

MONTH = (2026, 11)
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


def line(nanos: int = 1, when: datetime = BEGIN, event_id: str | None = None) -> bytes:
    event: dict[str, Any] = {
        "event_id": event_id or str(uuid.uuid4()),
        "event_type": "llm_api",
        "timestamp": when.isoformat(),
        "team": "t",
        "cost_usd": nanos / 10**9,
    }
    return orjson.dumps(event) + b"\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "cost_events.jsonl"
    path.touch()
    return path


def append(log: Path, *lines: bytes) -> None:
    with log.open("ab") as file:
        file.write(b"".join(lines))


Start = Callable[[Path], tuple[LogFollower, int]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Makes a follower; with what it found spent."""
    followers = []

    def make(log: Path) -> tuple[LogFollower, int]:
        followers.append(LogFollower(log))
        return followers[-1], followers[-1].spend_since(MONTH).of(("t", ""), MONTH)

    yield make
    for follower in followers:
        follower.close()


def others(follower: LogFollower) -> int:
    return follower.others_spend().of(("t", ""), MONTH)


def test_this_months_spend_is_read_at_the_start(log: Path, start: Start) -> None:
    old = [line(10**6, BEGIN - timedelta(minutes=n)) for n in range(2000, 0, -1)]
    new = [line(7, BEGIN + timedelta(minutes=n)) for n in range(2000)]
    append(log, *old, *new[:1000], b'{"torn": \n', *new[1000:], new[0][:30])
    assert start(log)[1] == 14_000


def test_other_processes_events_are_counted_once_as_they_come(log: Path, start: Start) -> None:
    append(log, line(5))
    follower, spent = start(log)
    assert spent == 5
    assert others(follower) == 0
    append(log, line(7), line(1))
    assert others(follower) == 8
    assert others(follower) == 0


def test_a_processs_own_events_are_left_to_itself(log: Path, start: Start) -> None:
    follower, _ = start(log)
    append(log, line(5, event_id=new_event_id()), line(7))
    assert others(follower) == 7


def test_but_not_at_the_start_which_may_be_a_reload_of_the_same_process(log: Path, start: Start) -> None:
    append(log, line(5, event_id=new_event_id()))
    assert start(log)[1] == 5


def test_half_a_line_is_read_when_it_is_whole(log: Path, start: Start) -> None:
    follower, _ = start(log)
    whole = line(9)
    append(log, whole[:20])
    assert others(follower) == 0
    append(log, whole[20:])
    assert others(follower) == 9


def test_a_rotated_log_is_read_to_its_end_and_then_the_new_one(log: Path, start: Start) -> None:
    follower, _ = start(log)
    append(log, line(1))
    log.rename(log.with_name(log.name + ".1"))
    append(log.with_name(log.name + ".1"), line(2))
    log.write_bytes(line(4))
    assert others(follower) == 7
    append(log, line(8))
    assert others(follower) == 8


def test_between_rename_and_create_nothing_is_missed(log: Path, start: Start) -> None:
    follower, _ = start(log)
    moved = log.rename(log.with_name(log.name + ".1"))
    append(moved, line(1))
    assert others(follower) == 1
    append(moved, line(2))
    log.write_bytes(line(4))
    assert others(follower) == 6


def test_a_log_that_was_truncated_is_read_from_its_beginning(log: Path, start: Start) -> None:
    append(log, line(1), line(1))
    follower, _ = start(log)
    os.truncate(log, 0)
    append(log, line(3))
    assert others(follower) == 3


def test_rotated_parts_of_this_month_count_at_the_start(log: Path, start: Start) -> None:
    append(log, line(1))
    append(log.with_name(log.name + ".1"), line(2))
    append(log.with_name(log.name + "-20261110"), line(4))
    last_year = log.with_name(log.name + ".2")
    append(last_year, line(8))
    os.utime(last_year, (0, 0))
    assert start(log)[1] == 7


@pytest.mark.parametrize(
    ("suffix", "counts"),
    [
        *[(suffix, True) for suffix in (".1", ".12", "-20261110", "-2026111023", "-20261110-1794268800")],
        *[(suffix, True) for suffix in (".2026-11-10", "-2026-11-10T10:00")],
        *[(suffix, False) for suffix in (".bak", ".1.bak", ".old", "-copy", ".tmp", ".save.1", ".swp")],
    ],
)
def test_what_is_named_otherwise_than_rotated_parts_is_a_copy(
    log: Path, start: Start, caplog: pytest.LogCaptureFixture, suffix: str, counts: bool
) -> None:
    append(log.with_name(log.name + suffix), line(2))
    assert start(log)[1] == (2 if counts else 0)
    assert (f"{suffix} is not named as logrotate does and is not read" in caplog.text) is not counts


def test_compressed_parts_are_named_as_not_counted(log: Path, start: Start, caplog: pytest.LogCaptureFixture) -> None:
    append(log.with_name(log.name + ".1.gz"), b"\x1f\x8b")
    assert start(log)[1] == 0
    assert "cost_events.jsonl.1.gz is compressed" in caplog.text


def test_a_log_that_is_not_there_yet_is_waited_for(tmp_path: Path, start: Start) -> None:
    log = tmp_path / "later" / "cost_events.jsonl"
    follower, spent = start(log)
    assert spent == others(follower) == 0
    log.parent.mkdir()
    append(log, line(6))
    assert others(follower) == 6


@pytest.fixture
def own(log: Path) -> Iterator[EventLog]:
    """This process's own log at the same path."""
    made = EventLog(log, fsync="never")
    made.open()
    yield made
    made.close()


def own_line(nanos: int = 1) -> bytes:
    return line(nanos, event_id=new_event_id()).rstrip(b"\n")


def test_what_this_process_appends_is_no_news(log: Path, own: EventLog, start: Start) -> None:
    follower, _ = start(log)
    follower.others_spend(own.written)
    for _ in range(3):
        own.append(own_line())
        assert not follower.has_news(own.written)
    append(log, line(7))
    own.append(own_line())
    assert follower.has_news(own.written)
    assert follower.others_spend(own.written).of(("t", ""), MONTH) == 7
    assert not follower.has_news(own.written)


def test_a_line_of_anothers_that_is_as_long_as_ones_own_is_news_though_the_file_was_changed(
    log: Path, own: EventLog, start: Start
) -> None:
    """The bytes written to the new file do not count for the old one, which the follower still reads."""
    follower, _ = start(log)
    own.append(own_line())
    follower.others_spend(own.written)
    log.rename(log.with_name(log.name + ".1"))
    own.tick()
    own.append(own_line())
    own.append(own_line(5))  # as many bytes more than before as the other's
    append(log.with_name(log.name + ".1"), line(7))
    assert follower.has_news(own.written)
    assert follower.others_spend(own.written).of(("t", ""), MONTH) == 7


@given(st.lists(st.sampled_from(["own", "other", "look", "rotate"]), max_size=20))
def test_nothing_of_others_is_missed_or_counted_twice(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "cost_events.jsonl"
        own, follower, seen, written = EventLog(log, fsync="never"), LogFollower(log), 0, 0
        own.open()
        follower.spend_since(MONTH)
        for number, step in enumerate([*steps, "look"]):
            if step == "own":
                own.append(own_line())
            elif step == "other":
                append(log, line(1))
                written += 1
            elif step == "rotate":
                log.rename(log.with_name(f"{log.name}.{number}"))
                own.tick()
                seen += others(follower)
            elif follower.has_news(own.written):
                seen += follower.others_spend(own.written).of(("t", ""), MONTH)
        assert seen == written
        own.close()
        follower.close()


def test_a_link_is_not_read(tmp_path: Path, start: Start) -> None:
    append(tmp_path / "theirs", line(5))
    (tmp_path / "cost_events.jsonl").symlink_to(tmp_path / "theirs")
    with pytest.raises(OSError, match="is a symbolic link"):
        start(tmp_path / "cost_events.jsonl")


def test_a_link_that_takes_the_logs_place_is_not_read(log: Path, tmp_path: Path, start: Start) -> None:
    follower, _ = start(log)
    log.rename(tmp_path / "theirs")
    log.symlink_to(tmp_path / "theirs")
    append(tmp_path / "theirs", line(5))
    with pytest.raises(OSError, match="is a symbolic link"):
        others(follower)
