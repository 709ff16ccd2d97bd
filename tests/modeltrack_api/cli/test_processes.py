"""Test the command as a process: several at once, one that is killed, and one whose reader is gone."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from addons.callers.keys import KEY, KeysFile, sha256
from addons.ledger.validation import parse_model
from tests import ROOT

COMMAND = [sys.executable, "-m", "modeltrack_api.cli", "keys"]
MANY = """
import sys
from modeltrack_api.cli.__main__ import main
for number in range(20):
    assert main(["keys", "new", "--team", sys.argv[2], "--quiet", "--data-dir", sys.argv[1]]) == 0
"""
KILLED = """
import os, signal, sys
from modeltrack_api.cli.__main__ import main
setattr(os, sys.argv[2], lambda *_: os.kill(os.getpid(), signal.SIGKILL))
main(["keys", "new", "--team", "t", "--data-dir", sys.argv[1]])
"""


def start(code: str, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("teams", [("a", "b"), ("same", "same")], ids=["two teams", "one team"])
def test_two_processes_that_make_keys_at_once_lose_none(tmp_path: Path, teams: tuple[str, str]) -> None:
    processes = [start(MANY, str(tmp_path), team) for team in teams]
    printed: list[str] = []
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "")
        printed += out.split()
    file = parse_model(KeysFile, (tmp_path / "keys.json").read_bytes())
    assert len(printed) == 40 and {sha256(key) for key in printed} == {key.sha256 for key in file.keys}
    events = [json.loads(line) for line in (tmp_path / "config_events.jsonl").read_bytes().splitlines()]
    assert len(events) == 40
    assert [event["new_sha256"] for event in events][:-1] == [event["old_sha256"] for event in events][1:]
    assert [event["changes"][0]["entry"]["id"] for event in events] == [key.id for key in file.keys]


@pytest.mark.parametrize("at", ["fchmod", "replace"])
def test_a_process_that_is_killed_before_the_end_leaves_the_old_file_and_no_lock(tmp_path: Path, at: str) -> None:
    assert run("new", "--team", "t", "--data-dir", str(tmp_path)).returncode == 0
    before = (tmp_path / "keys.json").read_bytes()
    process = start(KILLED, str(tmp_path), at)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (-signal.SIGKILL, "")
    assert (tmp_path / "keys.json").read_bytes() == before
    assert run("new", "--team", "t", "--data-dir", str(tmp_path)).returncode == 0
    assert len(parse_model(KeysFile, (tmp_path / "keys.json").read_bytes()).keys) == 2


def test_a_script_gets_the_key_alone(tmp_path: Path) -> None:
    done = run("new", "--team", "t", "--quiet", "--data-dir", str(tmp_path))
    assert KEY.fullmatch(done.stdout.removesuffix("\n")) and done.stderr == ""


def test_a_key_whose_reader_is_gone_is_named(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*COMMAND, "new", "--team", "t", "--data-dir", str(tmp_path)],
            cwd=ROOT,
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.returncode == 2
    assert done.stderr == "modeltrack: the new key could not be shown: disable t-1 and make another one\n"


def test_the_help_names_every_option() -> None:
    text = run("new", "--help").stdout
    assert all(f"--{name}" in text for name in ("team", "customer-tier", "credential", "data-dir", "quiet"))
