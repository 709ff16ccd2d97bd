"""Test when an event log waits for the disk, and who waits with it."""

import errno
import os
import threading
from pathlib import Path

import pytest

from addons.ledger.event_log import EventLog
from tests.addons.ledger.event_log.disk import event, numbers


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []
    monkeypatch.setattr(os, "fsync", calls.append)
    return calls


@pytest.mark.parametrize(
    ("policy", "appended", "ticked", "closed"), [("always", 0, 1, 2), ("interval", 0, 1, 2), ("never", 0, 0, 0)]
)
def test_fsync(path: Path, syncs: list[int], policy: str, appended: int, ticked: int, closed: int) -> None:
    log = EventLog(path, fsync=policy)
    log.open()
    log.append(event(1))
    log.append(event(2))
    assert len(syncs) == appended
    log.tick()
    log.tick()
    assert len(syncs) == ticked
    log.append(event(3))
    log.close()
    log.close()
    assert len(syncs) == closed


def test_fsync_fails(log: EventLog, monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    def fsync(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    log.append(event(1))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        log.tick()
    assert log.error == "Input/output error"
    log.tick()  # tried again, although nothing was written since
    assert log.error is None
    assert numbers(path) == [1]


def test_a_sync_waits_for_the_one_under_way_that_covers_its_event(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, go_on = threading.Event(), threading.Event()
    synced: list[int] = []

    def fsync(fd: int) -> None:
        running.set()
        assert go_on.wait(10)
        synced.append(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    log.append(event(1))
    seen_at_return: list[int] = []

    def sync() -> None:
        log.sync()
        seen_at_return.append(len(synced))

    threads = [threading.Thread(target=sync) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert running.wait(10)
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert seen_at_return == [1, 1, 1]


def test_append_does_not_wait_for_fsync(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    running, go_on = threading.Event(), threading.Event()

    def fsync(fd: int) -> None:
        running.set()
        assert go_on.wait(10)

    monkeypatch.setattr(os, "fsync", fsync)
    log.append(event(1))
    thread = threading.Thread(target=log.tick)
    thread.start()
    assert running.wait(10)
    appended = log.append(event(2))
    is_still_syncing = thread.is_alive()
    go_on.set()
    thread.join(10)
    assert appended
    assert is_still_syncing
