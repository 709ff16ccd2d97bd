import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from addons.ledger.log_files import FileKind, LogFiles, file_kind

NAMES = {
    FileKind.LOG: ["cost_events.jsonl"],
    FileKind.ROTATED: [
        *("cost_events.jsonl.1", "cost_events.jsonl.12", "cost_events.jsonl-20261110", "cost_events.jsonl-2026111023"),
        *("cost_events.jsonl-20261110-1794268800", "cost_events.jsonl.1794268800", "cost_events.jsonl.2026-11-10"),
        *("cost_events.jsonl-2026-11-10T10:00", "cost_events.jsonl.2026_11_10"),
    ],
    FileKind.COMPRESSED: [
        *("cost_events.jsonl.1.gz", "cost_events.jsonl-20261110.gz", "cost_events.jsonl.gz", "cost_events.jsonl.2.xz"),
        *("cost_events.jsonl.2.bz2", "cost_events.jsonl.2.zst"),
    ],
    FileKind.COPY: [
        *("cost_events.jsonl.bak", "cost_events.jsonl.1.bak", "cost_events.jsonl.old", "cost_events.jsonl-copy"),
        *("cost_events.jsonl.tmp", "cost_events.jsonl.swp", "cost_events.jsonl.1~", "cost_events.jsonl.save.1"),
        *("cost_events.jsonl.", "cost_events.jsonl-", "cost_events.jsonl.1.tmp", "cost_events.jsonl.1 (copy)"),
    ],
    FileKind.UNRELATED: [
        *("cost_events.jsonl~", "cost_events.jsonlx", "cost_events.jsonl1", ".cost_events.jsonl.swp", "budgets.json"),
        *("old-cost_events.jsonl", "cost_events.json", "modeltrack.db", ""),
    ],
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in NAMES.items() for name in names])
def test_the_kind_of_a_file_is_told_from_its_name(kind: FileKind, name: str) -> None:
    assert file_kind(name) is kind


def in_folder(folder: Path) -> Path:
    """Make a file of each of the names; return the log's path."""
    for name in [name for names in NAMES.values() for name in names if name]:
        (folder / name).touch()
    return folder / "cost_events.jsonl"


def test_the_rotated_parts_are_found(tmp_path: Path) -> None:
    found = LogFiles(in_folder(tmp_path)).rotated()
    assert [path.name for path in found] == sorted(NAMES[FileKind.ROTATED])


def test_parts_that_were_last_written_to_before_a_time_are_left_out(tmp_path: Path) -> None:
    log = in_folder(tmp_path)
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))
    os.utime(tmp_path / "cost_events.jsonl.12", (10**9, 10**9))
    found = LogFiles(log).rotated(since=datetime(2001, 1, 1, tzinfo=UTC))
    assert [path.name for path in found] == ["cost_events.jsonl.12"]


def test_each_file_that_is_not_read_is_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = LogFiles(in_folder(tmp_path))
    files.rotated()
    files.rotated()
    not_read = [*NAMES[FileKind.COMPRESSED], *NAMES[FileKind.COPY]]
    assert sorted(message.split(" is ")[0] for message in caplog.messages) == sorted(not_read)
    assert (
        "cost_events.jsonl.bak is not named as logrotate does and is not read, so its events do not count;"
        " parts that are read are named like cost_events.jsonl.1"
    ) in caplog.messages


def test_folders_are_no_parts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "cost_events.jsonl.1").mkdir()
    (tmp_path / "cost_events.jsonl.bak").mkdir()
    assert LogFiles(tmp_path / "cost_events.jsonl").rotated() == []
    assert not caplog.messages


def test_a_folder_that_is_not_there_has_no_parts(tmp_path: Path) -> None:
    assert LogFiles(tmp_path / "later" / "cost_events.jsonl").rotated() == []


def test_a_link_is_no_part_of_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "elsewhere").touch()
    for name in ("cost_events.jsonl.1", "cost_events.jsonl.2"):
        (tmp_path / name).symlink_to(tmp_path / "elsewhere")
    (tmp_path / "cost_events.jsonl.3").touch()
    found = LogFiles(tmp_path / "cost_events.jsonl").rotated(since=datetime(2001, 1, 1, tzinfo=UTC))
    assert [path.name for path in found] == ["cost_events.jsonl.3"]
    assert "cost_events.jsonl.1 is a symbolic link and is not read" in caplog.text
