"""Test that each change is noted, and once, whoever sees it, and that nothing that breaks stands in its way."""

import hashlib
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.ledger.budgets import BudgetsFile
from addons.ledger.config_events.event import LOG_NAME
from addons.ledger.config_events.lines import LOCK_NAME
from addons.ledger.config_events.locking import locked
from addons.ledger.config_events.log import note_command
from addons.ledger.config_events.versions import Version
from addons.ledger.config_events.whom import this_user
from addons.ledger.validation import parse_model

from .proxies import Watching, lines, noted, now, save


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_first_version_is_noted_without_a_comparison(tmp_path: Path) -> None:
    save(tmp_path, 1)
    Watching(tmp_path).tick()
    [line] = lines(tmp_path)
    assert (line["kind"], line["old_sha256"], line["changes"]) == ("first", None, None)
    assert (line["file"], line["new_sha256"]) == ("budgets.json", sha256(tmp_path / "budgets.json"))
    assert (line["by"], line["by_source"]) == (this_user(), "file_owner")


def test_without_files_there_is_no_log(tmp_path: Path) -> None:
    Watching(tmp_path).tick()
    assert list(tmp_path.iterdir()) == []


def test_a_change_is_noted_when_it_is_in_force(tmp_path: Path) -> None:
    save(tmp_path, 1)
    (proxy := Watching(tmp_path)).tick()
    old = sha256(tmp_path / "budgets.json")
    save(tmp_path, 2)
    proxy.tick()
    [_, line] = lines(tmp_path)
    assert (line["old_sha256"], line["new_sha256"]) == (old, sha256(tmp_path / "budgets.json"))
    assert line["changes"] == [
        {
            "part": "budgets",
            "change": "changed",
            "entry": {"team": "t"},
            "fields": ["monthly_limit"],
            "old": {"monthly_limit": 1},
            "new": {"monthly_limit": 2},
        }
    ]
    proxy.tick()
    assert len(lines(tmp_path)) == 2


def test_a_version_that_was_refused_is_not_noted(tmp_path: Path) -> None:
    save(tmp_path, 1)
    (proxy := Watching(tmp_path)).tick()
    for content in ("{", "", None):
        (tmp_path / "budgets.json").write_text(content) if content is not None else (tmp_path / "budgets.json").unlink()
        proxy.tick()
        proxy.tick()
    save(tmp_path, 1)
    proxy.tick()
    assert noted(tmp_path) == [("first", None)]


def test_formatting_alone_is_a_change_of_nothing(tmp_path: Path) -> None:
    save(tmp_path, 1)
    (proxy := Watching(tmp_path)).tick()
    (tmp_path / "budgets.json").write_text((tmp_path / "budgets.json").read_text() + "\n")
    proxy.tick()
    assert lines(tmp_path)[-1]["changes"] == []


@pytest.mark.parametrize("again", [1, 2], ids=["one proxy", "two proxies"])
def test_a_change_while_no_proxy_ran_is_found_at_the_next_start(tmp_path: Path, again: int) -> None:
    save(tmp_path, 1)
    Watching(tmp_path).tick()
    old = sha256(tmp_path / "budgets.json")
    save(tmp_path, 2)
    for proxy in [Watching(tmp_path) for _ in range(again)]:
        proxy.tick()
    [_, line] = lines(tmp_path)
    assert (line["kind"], line["old_sha256"], line["changes"]) == ("found", old, None)
    assert line["new_sha256"] == sha256(tmp_path / "budgets.json")


def test_a_file_that_is_gone_at_the_next_start_is_noted(tmp_path: Path) -> None:
    save(tmp_path, 1)
    Watching(tmp_path).tick()
    (tmp_path / "budgets.json").unlink()
    Watching(tmp_path).tick()
    [_, line] = lines(tmp_path)
    assert (line["kind"], line["new_sha256"], line["by"], line["by_source"]) == ("found", None, "", "")


def test_a_restart_alone_notes_nothing(tmp_path: Path) -> None:
    save(tmp_path, 1)
    for _ in range(3):
        Watching(tmp_path).tick()
    assert noted(tmp_path) == [("first", None)]


def test_two_proxies_note_a_change_once(tmp_path: Path) -> None:
    save(tmp_path, 1)
    proxies = [Watching(tmp_path), Watching(tmp_path)]
    for limit in (1, 2, 3, 2, 3):
        save(tmp_path, limit)
        for proxy in proxies:
            proxy.tick()
        proxies.reverse()
    assert noted(tmp_path) == [("first", None), *(("change", limit) for limit in (2, 3, 2, 3))]


def test_a_proxy_that_is_late_notes_nothing_again(tmp_path: Path) -> None:
    save(tmp_path, 1)
    fast, slow = Watching(tmp_path), Watching(tmp_path)
    for limit in (1, 2, 3, 2):
        save(tmp_path, limit)
        fast.tick()
    slow.tick()
    save(tmp_path, 3)
    slow.tick()
    fast.tick()
    assert noted(tmp_path) == [("first", None), *(("change", limit) for limit in (2, 3, 2, 3))]


def test_a_proxy_that_starts_while_another_notes_a_change_notes_nothing_again(tmp_path: Path) -> None:
    save(tmp_path, 1)
    (first := Watching(tmp_path)).tick()
    second = Watching(tmp_path)  # it has read the file, and not yet looked at the log
    save(tmp_path, 2)
    first.tick()
    second.log.tick()
    second.tick()
    assert noted(tmp_path) == [("first", None), ("change", 2)]


@given(st.lists(st.one_of(st.integers(1, 4), st.sampled_from("abc")), max_size=40))
def test_whoever_looks_when_no_change_is_there_twice_and_the_last_is_there(steps: list[int | str]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        save(folder, 9)
        proxies = {letter: Watching(folder) for letter in "abc"}
        saved = [9]
        for step in steps:
            if isinstance(step, str):
                proxies[step].tick()
            elif step != saved[-1]:
                save(folder, step)
                saved.append(step)
        for proxy in [*proxies.values()] * 2:
            proxy.tick()
        found = lines(folder)
        assert found[-1]["new_sha256"] == sha256(folder / "budgets.json")
        assert len(found) <= len(saved)
        came = Counter(saved[1:])
        assert all(number <= came[limit] for (_, limit), number in Counter(noted(folder)).items() if limit)
        pairs = [(old["new_sha256"], new["new_sha256"]) for old, new in pairwise(found)]
        assert all(old != new for old, new in pairs)


def test_the_commands_change_is_its_users_and_the_proxy_finds_it_there(tmp_path: Path) -> None:
    save(tmp_path, 1)
    (proxy := Watching(tmp_path)).tick()
    path = tmp_path / "budgets.json"
    with locked(tmp_path / LOCK_NAME):
        old = version(path)
        save(tmp_path, 2)
        proxy.tick()  # it waits for the command
        note_command(path, old, version(path), now())
    proxy.tick()
    proxy.tick()
    assert noted(tmp_path) == [("first", None), ("change", 2)]
    assert (lines(tmp_path)[-1]["by"], lines(tmp_path)[-1]["by_source"]) == (this_user(), "command")


@pytest.mark.parametrize("before", [[], [1], [1, 2], [2]], ids=str)
def test_the_command_notes_its_change_whatever_the_log_has(tmp_path: Path, before: list[int]) -> None:
    for limit in before:
        save(tmp_path, limit)
        Watching(tmp_path).tick()
    path = tmp_path / "budgets.json"
    save(tmp_path, 1)
    known = [line["new_sha256"] for line in lines(tmp_path)]
    old = version(path)
    save(tmp_path, 2)
    note_command(path, old, version(path), now())
    last = lines(tmp_path)[len(known) :]
    assert [line["kind"] for line in last] == [
        *(["first"] if not known else ["found"] if known[-1] != old.sha256 else []),
        "change",
    ]
    assert last[-1]["old_sha256"] == old.sha256


def version(path: Path) -> Version:
    return Version(data := path.read_bytes(), parse_model(BudgetsFile, data))


def test_a_log_that_was_rotated_begins_anew(tmp_path: Path) -> None:
    save(tmp_path, 1)
    (proxy := Watching(tmp_path)).tick()
    (tmp_path / LOG_NAME).rename(tmp_path / f"{LOG_NAME}.1")
    save(tmp_path, 2)
    proxy.tick()
    assert noted(tmp_path) == [("change", 2)]
    Watching(tmp_path).tick()
    assert len(lines(tmp_path)) == 1


def test_times_are_of_utc(tmp_path: Path) -> None:
    save(tmp_path, 1)
    Watching(tmp_path).tick()
    when = lines(tmp_path)[0]["timestamp"]
    assert when.endswith("Z") and datetime.fromisoformat(when).tzinfo is UTC
