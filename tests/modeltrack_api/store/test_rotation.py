"""Test that a log that is rotated, truncated or gone is read once all the same."""

import os
import time
from pathlib import Path

import pytest

from modeltrack_api.store import ingest as ingest_module
from modeltrack_api.store.connections import Store
from modeltrack_api.store.ingest import Ingest
from tests.modeltrack_api.serving import append
from tests.modeltrack_api.store.reading import caught_up, ids, named


def test_a_log_that_was_renamed_is_read_to_its_end(store: Store, log: Path, ingest: Ingest) -> None:
    append(log, *named("a"))
    caught_up(store, ingest, "a")
    append(log, *named("b"))
    rotated = log.rename(log.with_name("cost_events.jsonl.1"))
    caught_up(store, ingest, "a", "b")
    append(log, *named("c"))
    append(rotated, *named("late"))
    caught_up(store, ingest, "a", "b", "c", "late")


def test_after_a_rotation_late_lines_are_looked_for_and_later_no_more(
    store: Store, log: Path, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(log, *named("a"))
    caught_up(store, ingest, "a")
    assert ingest.behind()
    now = time.monotonic()
    monkeypatch.setattr(ingest_module.time, "monotonic", lambda: now + 6)
    assert not ingest.behind()


def test_rotated_parts_are_read_at_the_start(store: Store, log: Path, ingest: Ingest) -> None:
    append(log.with_name("cost_events.jsonl.2"), *named("a"))
    append(log.with_name("cost_events.jsonl-20260301"), *named("b"))
    append(log.with_name("cost_events.jsonl.1.gz"), *named("compressed"))
    append(log.with_name("cost_events.jsonlx"), *named("other"))
    caught_up(store, ingest, "a", "b")
    append(log, *named("c"))
    caught_up(store, ingest, "a", "b", "c")


def test_a_log_that_was_copied_and_truncated_is_read_from_its_start(store: Store, log: Path, ingest: Ingest) -> None:
    append(log, *named("a", "b"))
    caught_up(store, ingest, "a", "b")
    append(log, *named("c"))
    log.with_name("cost_events.jsonl.1").write_bytes(log.read_bytes())
    os.truncate(log, 0)
    append(log, *named("d"))
    caught_up(store, ingest, "a", "b", "c", "d")


@pytest.mark.parametrize("names", [("d",), ("d", "e"), ("d", "e", "f")])
def test_a_log_that_was_truncated_and_has_grown_is_noticed_by_its_first_line(
    store: Store, log: Path, ingest: Ingest, names: tuple[str, ...]
) -> None:
    append(log, *named("a", "b"))
    caught_up(store, ingest, "a", "b")
    os.truncate(log, 0)
    append(log, *named(*names))
    os.utime(log, ns=(0, 7))  # clocks of file systems are coarse
    caught_up(store, ingest, "a", "b", *names)


def test_a_file_that_took_over_an_inode_is_read_from_its_start(store: Store, log: Path, ingest: Ingest) -> None:
    append(log, *named("a", "b"))
    caught_up(store, ingest, "a", "b")
    inode = log.stat().st_ino
    log.write_bytes(b"")
    append(log, *named("c", "d", "e"))
    assert log.stat().st_ino == inode
    assert Ingest(store, log).catch_up()
    assert ids(store) == ["a", "b", "c", "d", "e"]


def test_a_log_that_is_gone_is_waited_for(store: Store, log: Path, ingest: Ingest) -> None:
    append(log, *named("a"))
    caught_up(store, ingest, "a")
    log.unlink()
    caught_up(store, ingest, "a")
    append(log, *named("b"))
    caught_up(store, ingest, "a", "b")
