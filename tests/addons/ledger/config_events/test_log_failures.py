"""Test that a log that cannot be written stands in the way of nothing, and what is made of it later."""

import fcntl
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from addons.ledger.config_events.event import LOG_NAME
from addons.ledger.config_events.lines import LOCK_NAME
from addons.ledger.config_events.locking import locked

from .proxies import Watching, lines, noted, save


def test_the_log_is_for_its_owner_and_group_at_most(tmp_path: Path) -> None:
    save(tmp_path, 1)
    Watching(tmp_path).tick()
    for name in (LOG_NAME, LOCK_NAME):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) & ~0o640 == 0


MAKE: dict[str, Callable[[Path], None]] = {
    "folder": Path.mkdir,
    "link": lambda path: path.symlink_to(path.with_name("elsewhere")),
    "fifo": os.mkfifo,
}


@pytest.mark.parametrize("what", MAKE)
def test_a_log_that_cannot_be_written_is_said_once_and_written_later(
    tmp_path: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    log = tmp_path / LOG_NAME
    MAKE[what](log)
    save(tmp_path, 1)
    proxy = Watching(tmp_path)
    for limit in (1, 2, 3):
        save(tmp_path, limit)
        proxy.tick()
        assert proxy.file.value.budgets[0].monthly_limit == limit
    assert [record.levelno for record in caplog.records if record.name.endswith("config_events.log")] == [
        logging.WARNING
    ]
    assert not (tmp_path / "elsewhere").exists()
    log.rmdir() if what == "folder" else log.unlink()
    proxy.tick()
    assert noted(tmp_path) == [("first", None), ("change", 2), ("change", 3)]


@pytest.mark.parametrize("what", ["error", "nothing"])
def test_a_write_that_fails_half_way_leaves_each_change_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    save(tmp_path, 1)
    (proxy := Watching(tmp_path)).tick()
    (other := Watching(tmp_path)).tick()
    real = os.write

    def full(fd: int, data: bytes) -> int:
        if len(data) < 50:
            if what == "nothing":
                return 0
            raise OSError(28, "No space left on device")
        return real(fd, data[:-40])

    save(tmp_path, 2)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        proxy.tick()
    save(tmp_path, 3)
    proxy.tick()
    other.tick()
    whole = [line for line in (tmp_path / LOG_NAME).read_bytes().splitlines() if line.endswith(b"}")]
    (tmp_path / LOG_NAME).write_bytes(b"\n".join(whole) + b"\n")
    assert noted(tmp_path) == [("first", None), ("change", 2), ("change", 3)]


def test_somebody_who_keeps_the_lock_holds_nothing_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    save(tmp_path, 1)
    proxy = Watching(tmp_path)
    with locked(tmp_path / LOCK_NAME):
        for _ in range(30):
            proxy.tick()
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "config_events.jsonl cannot be written, so changes of files are in force without being noted:"
        " is locked by another process"
    ]
    proxy.tick()
    assert noted(tmp_path) == [("first", None)]


def test_a_file_system_without_locks_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_locks(fd: int, how: int) -> None:
        raise OSError(37, "No locks available")

    save(tmp_path, 1)
    proxy = Watching(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "lockf", no_locks)
        for _ in range(3):
            proxy.tick()
    assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == ["No locks available"]
    assert lines(tmp_path) == []
