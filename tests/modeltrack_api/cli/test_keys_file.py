"""Test that keys.json is changed as a whole or not at all, by whoever does it, and that the key is nowhere on disk."""

import hashlib
import json
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from addons.callers.keys import KEY
from addons.ledger.config_events.lines import LOCK_NAME
from addons.ledger.config_events.locking import locked
from addons.ledger.config_events.whom import this_user
from modeltrack_api.cli import keys_file

from .running import Keys

NEW = ["new", "--team", "t"]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


MADE = {"keys.json", "config_events.jsonl", LOCK_NAME}


def test_the_key_is_nowhere_on_disk(keys: Keys) -> None:
    made = [keys.make(*NEW), keys.make("rotate", "t-1")]
    made += KEY.findall(keys.run(*NEW).out)
    keys.run("disable", "t-1")
    assert len(made) == 3
    for path in keys.folder.rglob("*"):
        data = path.read_bytes()
        assert not any(part.encode() in data for key in made for part in (key, key[3:], key[3:23]))
        if path.name != "keys.json":
            assert not any(hashlib.sha256(key.encode()).hexdigest().encode() in data for key in made)


def test_nothing_is_left_beside_the_file(keys: Keys) -> None:
    keys.make(*NEW)
    keys.make("rotate", "t-1")
    assert names(keys.folder) == MADE


def test_a_change_is_noted_as_its_users(keys: Keys) -> None:
    keys.make(*NEW)
    keys.make("rotate", "t-1")
    keys.run("disable", "t-1")
    events = keys.events()
    assert {(event["by"], event["by_source"], event["kind"]) for event in events} == {
        (this_user(), "command", "change")
    }
    found = [[(change["change"], change["entry"]["id"]) for change in event["changes"]] for event in events]
    assert found == [[("added", "t-1")], [("changed", "t-1"), ("added", "t-2")], [("changed", "t-1")]]
    assert [event["new_sha256"] for event in events][:-1] == [event["old_sha256"] for event in events][1:]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], ids=oct)
def test_a_new_file_is_its_owners_alone(keys: Keys, umask: int) -> None:
    before = os.umask(umask)
    try:
        keys.make(*NEW)
    finally:
        os.umask(before)
    assert mode(keys.path) == 0o600


@pytest.mark.parametrize("wanted", [0o400, 0o600, 0o640, 0o644], ids=oct)
def test_the_mode_of_a_file_stays(keys: Keys, wanted: int) -> None:
    keys.make(*NEW)
    keys.path.chmod(wanted)
    keys.make(*NEW)
    assert mode(keys.path) == wanted and len(keys.ids()) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_what_root_makes_is_the_owners_of_the_folder_and_what_was_there_stays_its_owners(keys: Keys) -> None:
    os.chown(keys.folder, 4711, 4712)
    keys.make(*NEW)
    assert {(path.stat().st_uid, path.stat().st_gid) for path in keys.folder.iterdir()} == {(4711, 4712)}
    os.chown(keys.path, 4713, 4714)
    keys.make(*NEW)
    assert (keys.path.stat().st_uid, keys.path.stat().st_gid) == (4713, 4714)
    assert keys.events()[-1]["by"] == this_user()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_who_may_not_give_the_file_back_is_told_so(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    keys.make(*NEW)
    os.chown(keys.path, 4711, 4712)

    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(os, "chown", refused)
        done = keys.run(*NEW, "--quiet")
    assert done.code == 0 and "make sure that the proxy may read it" in done.err
    assert len(keys.ids()) == 2


def test_a_link_is_refused_and_may_be_read(keys: Keys, tmp_path: Path) -> None:
    keys.make(*NEW)
    (tmp_path / "..data").mkdir()
    keys.path.rename(tmp_path / "..data" / "keys.json")
    keys.path.symlink_to("..data/keys.json")
    content = keys.path.read_bytes()
    for arguments in (NEW, ["disable", "t-1"], ["rotate", "t-1"]):
        done = keys.run(*arguments)
        assert (done.code, done.out) == (2, "") and "is a symbolic link, such as Kubernetes makes" in done.err
    assert keys.path.is_symlink() and keys.path.read_bytes() == content
    assert "t-1" in keys.run("list").out


def test_what_the_file_says_stays_in_its_order_and_with_its_letters(keys: Keys) -> None:
    first = {"note": "für alle 🎉", "team": "t", "sha256": "a" * 64, "id": "old"}
    keys.path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"keys": [first]}).encode())
    keys.make(*NEW)
    text = keys.path.read_text()
    assert [*keys.entries()[0]] == ["note", "team", "sha256", "id"] and keys.entries()[0] == first
    assert "für alle 🎉" in text and text.startswith('{\n  "keys": [\n    {\n      "note"') and text.endswith("}\n")


Broken = Callable[[pytest.MonkeyPatch], None]


def breaking(name: str, error: BaseException) -> Broken:
    def fail(*_: object, **__: object) -> None:
        raise error

    return lambda patch: patch.setattr(os, name, fail)


@pytest.mark.parametrize(
    "break_it",
    [
        breaking("fsync", OSError(28, "No space left on device")),
        breaking("fchmod", OSError(1, "Operation not permitted")),
        breaking("replace", OSError(16, "Device or resource busy")),
        breaking("replace", KeyboardInterrupt()),
        breaking("fsync", MemoryError()),
    ],
    ids=["full", "chmod", "busy", "interrupted", "memory"],
)
def test_what_fails_on_the_way_leaves_the_old_file(
    keys: Keys, monkeypatch: pytest.MonkeyPatch, break_it: Broken
) -> None:
    keys.make(*NEW)
    before, events = keys.path.read_bytes(), keys.events()
    with monkeypatch.context() as patch:
        break_it(patch)
        with suppress(KeyboardInterrupt, MemoryError):
            assert keys.run(*NEW).code == 1
    assert keys.path.read_bytes() == before and keys.events() == events
    assert names(keys.folder) == MADE
    keys.make(*NEW)
    assert keys.ids() == ["t-1", "t-2"]


def test_what_a_process_that_was_killed_has_left_is_in_nobodys_way(keys: Keys, tmp_path: Path) -> None:
    keys.make(*NEW)
    left = keys.folder / ".keys.json.new"
    left.write_text("{")
    keys.make(*NEW)
    left.symlink_to(tmp_path / "elsewhere")
    keys.make(*NEW)
    assert names(keys.folder) == MADE
    assert len(keys.ids()) == 3


def test_a_log_that_cannot_be_written_leaves_the_change_made(keys: Keys) -> None:
    (keys.folder / "config_events.jsonl").mkdir()
    done = keys.run(*NEW, "--quiet")
    assert done.code == 0 and KEY.fullmatch(done.out.strip())
    assert done.err == "modeltrack: the change is made, but config_events.jsonl cannot be written: Is a directory\n"
    assert keys.ids() == ["t-1"]


def test_a_lock_that_stays_taken_is_an_error(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_file, "_WAIT_SECONDS", 0.05)
    with locked(keys.folder / LOCK_NAME):
        done = keys.run(*NEW)
    assert done.code == 2 and "another process has held the lock" in done.err
    assert not keys.path.exists()


@pytest.mark.parametrize(
    ("number", "says"),
    [(30, "Read-only file system"), (13, "Permission denied (run it as the user of the proxy)")],
    ids=["read-only", "another user's"],
)
def test_a_folder_that_may_not_be_written_is_an_error(
    keys: Keys, monkeypatch: pytest.MonkeyPatch, number: int, says: str
) -> None:
    def refused(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number), str(keys.folder / LOCK_NAME))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refused)
        done = keys.run(*NEW)
    assert (done.code, done.out) == (1, "")
    assert done.err == f"modeltrack: {keys.folder / LOCK_NAME}: {says}\n"


def test_what_others_save_meanwhile_without_the_lock_is_not_lost(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    keys.make(*NEW)
    by_hand = {"keys": [*keys.entries(), {"id": "by-hand", "sha256": "b" * 64, "team": "t"}]}
    real, is_saved = os.fsync, False

    def save_once(fd: int) -> None:
        nonlocal is_saved
        real(fd)
        if not is_saved:
            is_saved = True
            keys.path.write_text(json.dumps(by_hand))

    monkeypatch.setattr(os, "fsync", save_once)
    keys.make(*NEW)
    assert keys.ids() == ["t-1", "by-hand", "t-2"]
    assert names(keys.folder) == MADE


def test_a_file_that_the_proxy_would_refuse_is_not_written(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    keys.make(*NEW)
    monkeypatch.setattr(keys_file, "MOST_BYTES", 300)
    done = keys.run(*NEW, "--note", "n" * 200)
    assert done.code == 2 and "would be over 300 bytes" in done.err
    assert keys.ids() == ["t-1"]
