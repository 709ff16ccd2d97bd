from datetime import UTC, datetime, timedelta
from io import BufferedReader, BytesIO, FileIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.ledger import log_reader
from addons.ledger.log_reader import event_time, event_type, is_call, parse_line, read_lines, start_of, text

START = datetime(2026, 11, 24, 4, 50, 25, 123456, tzinfo=UTC)


def line_at(seconds: float, **more: Any) -> bytes:
    time = (START + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    return orjson.dumps({"event_id": "x", "timestamp": time, **more})


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (b'{"a":1}', {"a": 1}),
        (b'{"a":1}\n', {"a": 1}),
        (b'{"a":1', None),
        (b"", None),
        (b"[1]", None),
        (b"null", None),
        (b"\x00\x00", None),
        (b'{"a":"\xff"}', None),
        (b'{"a":1{"b":2}', None),
        (b"[" * 100_000, None),
    ],
)
def test_parse_line(line: bytes, event: dict[str, Any] | None) -> None:
    assert parse_line(line) == event


@pytest.mark.parametrize(
    ("timestamp", "time"),
    [
        ("2026-11-24T04:50:25.123456Z", START),
        ("2026-11-24T05:50:25.123456+01:00", START),
        ("2026-11-24T04:50:25.123456789Z", START),
        ("2026-11-24T04:50:25.123456", START),
        ("2026-11-24 04:50:25Z", START.replace(microsecond=0)),
        ("yesterday", None),
        ("", None),
        (1764000000, None),
        (None, None),
    ],
)
def test_event_time(timestamp: object, time: datetime | None) -> None:
    assert event_time({"timestamp": timestamp}) == time


def test_event_time_of_none() -> None:
    assert event_time({}) is None


@st.composite
def logs(draw: st.DrawFn) -> tuple[list[bytes], int]:
    """Lines with times out of order by up to `slack` seconds, and others without; the slack."""
    slack = draw(st.integers(0, 5))
    lines: list[bytes] = []
    latest = 0
    for step in draw(st.lists(st.integers(0, 3), max_size=40)):
        latest += step
        lines.append(line_at(latest - draw(st.integers(0, slack)), pad="x" * draw(st.integers(0, 50))))
        lines += draw(st.lists(st.sampled_from([b"", b'{"torn', b'{"no":"time"}', b"\x00" * 70]), max_size=2))
    return lines, slack


@given(logs(), st.integers(-10, 130), st.sampled_from([b"", b"\n", b'{"timest']))
def test_start_of_agrees_with_a_linear_scan(log: tuple[list[bytes], int], seconds: int, end: bytes) -> None:
    lines, slack = log
    since = START + timedelta(seconds=seconds)
    data = b"\n".join(lines) + end
    start = start_of(BytesIO(data), since, timedelta(seconds=slack))
    assert start in (0, len(data)) or data[start - 1 : start] == b"\n"
    before = [event for line, _ in read_lines(BytesIO(data[:start] + b"\n")) if (event := parse_line(line))]
    assert all(time < since for event in before if (time := event_time(event)))
    # No more than the slack is read in vain.
    first = next((event_time(event) for line in data[start:].split(b"\n") if (event := parse_line(line))), None)
    assert first is None or start == 0 or first >= since - timedelta(seconds=2 * slack)


def test_start_of_is_exact_without_slack() -> None:
    lines = [line_at(second) + b"\n" for second in range(100)]
    log = BytesIO(b"".join(lines))
    for second in range(100):
        assert start_of(log, START + timedelta(seconds=second), timedelta(0)) == sum(map(len, lines[:second]))


def test_start_of_allows_an_hour_by_default() -> None:
    lines = [line_at(60 * minute) + b"\n" for minute in range(300)]
    assert start_of(BytesIO(b"".join(lines)), START + timedelta(minutes=200)) == sum(map(len, lines[:140]))


@pytest.mark.parametrize("data", [b"", b"\n", b"{", b"no\nevent\n", b'{"timestamp":"2026"}\n'])
def test_start_of_a_log_without_events(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "log"
    path.write_bytes(data)
    assert start_of(path, START) == 0


def test_no_file(tmp_path: Path) -> None:
    assert start_of(tmp_path / "log", START) == 0
    assert list(read_lines(tmp_path / "log")) == []


def test_the_ends_of_time() -> None:
    log = BytesIO(b'{"timestamp":"0001-01-01T00:00:00+14:00"}\n{"timestamp":"9999-12-31T23:59:59-14:00"}\n')
    assert start_of(log, datetime.min.replace(tzinfo=UTC), timedelta(hours=14)) == 0
    assert start_of(log, datetime.max.replace(tzinfo=UTC)) == 42


class CountedFile(FileIO):
    reads = 0
    size = 0

    def readinto(self, buffer: Any, /) -> int | None:
        count = super().readinto(buffer)
        self.reads += 1
        self.size += count or 0
        return count


def test_start_of_reads_little_of_a_large_log(tmp_path: Path) -> None:
    path = tmp_path / "log"
    seconds = 80_000
    lines = [line_at(second, pad="x" * 600) + b"\n" for second in range(seconds)]
    path.write_bytes(b"".join(lines))
    assert path.stat().st_size > 50 * 2**20
    raw = CountedFile(path)
    with BufferedReader(raw, 8192) as file:
        assert start_of(file, START + timedelta(seconds=70_000)) == sum(map(len, lines[: 70_000 - 3600]))
    assert raw.reads < 100
    assert raw.size < 2**20


@pytest.mark.parametrize("block", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("end", [b"", b'{"torn'])
def test_read_lines(monkeypatch: pytest.MonkeyPatch, block: int, end: bytes) -> None:
    monkeypatch.setattr(log_reader, "_BLOCK", block)
    log = BytesIO(b'{"a":1}\n\n{"b":2}\n' + end)
    assert list(read_lines(log)) == [(b'{"a":1}', 8), (b"", 9), (b'{"b":2}', 17)]
    assert list(read_lines(log, 9)) == [(b'{"b":2}', 17)]
    assert list(read_lines(log, 17)) == []
    assert list(read_lines(log, 1000)) == []


def test_read_lines_goes_on_where_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b'{"a":1}\n{"b"')
    [(_, offset)] = read_lines(path)
    with path.open("ab") as file:
        file.write(b":2}\n")
    assert list(read_lines(path, offset)) == [(b'{"b":2}', 16)]


@given(st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b""))), st.integers(1, 9))
def test_over_long_lines_are_blank(lines: list[bytes], block: int) -> None:
    data = b"".join(line + b"\n" for line in lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_reader, "_BLOCK", block)
        patch.setattr(log_reader, "_MAX_LINE", 6)
        found = list(read_lines(BytesIO(data + b"the rest")))
    assert [line for line, _ in found] == [line if len(line) <= 6 else b"" for line in lines]
    assert [end for _, end in found] == [at + 1 for at, byte in enumerate(data) if byte == 10]


@given(logs(), st.integers(-10, 130), st.data())
def test_events_that_are_late_do_not_hide_the_calls_before_them(
    log: tuple[list[bytes], int], seconds: int, data: st.DataObject
) -> None:
    """The collector writes what a resource cost hours or days after the time that it names."""
    calls, slack = log
    since = START + timedelta(seconds=seconds)
    lines: list[bytes] = []
    for call in calls:
        lines += [call, *[line_at(-9999, event_type="gpu_compute")] * data.draw(st.integers(0, 3))]
    text = b"\n".join(lines)
    start = start_of(BytesIO(text), since, timedelta(seconds=slack))
    before = [event for line, _ in read_lines(BytesIO(text[:start] + b"\n")) if (event := parse_line(line))]
    times = [time for event in before if "event_type" not in event and (time := event_time(event))]
    assert all(time < since for time in times)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"event_type": "llm_api"}, "llm_api"),
        ({}, "llm_api"),
        ({"event_type": ""}, "llm_api"),
        ({"event_type": None}, "llm_api"),
        ({"event_type": 7}, "llm_api"),
        ({"event_type": "gpu_compute"}, "gpu_compute"),
        ({"event_type": "aws_infrastructure"}, "aws_infrastructure"),
        ({"event_type": "of_a_later_version"}, "of_a_later_version"),
    ],
    ids=str,
)
def test_an_event_without_a_type_is_a_call(event: dict[str, Any], kind: str) -> None:
    assert event_type(event) == kind
    assert is_call(event) == (kind == "llm_api")


def test_a_member_that_is_no_text_is_as_if_it_were_missing() -> None:
    assert [text({"a": value}, "a") for value in ("b", "", None, 5, ["b"])] == ["b", "", "", "", ""]
    assert text({}, "a") == ""
