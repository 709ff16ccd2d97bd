"""Test the real process: how it starts, how it stops, and what it leaves when it is killed."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modeltrack_api.collector.aws import check_boto3
from modeltrack_api.collector.source import SourceError
from tests.e2e.conftest import ROOT, until
from tests.modeltrack_api.collector.conftest import AWS_ENVIRONMENT, SECRET_KEY, events_in, write_map
from tests.modeltrack_api.collector.fakes import FakeAws, FakeOpenCost, agent_gpu, group, idle, pod

Start = Callable[..., subprocess.Popen[str]]
A_DAY = (48, 50)
"""Events of OpenCost: two an hour, and an hour may end while a test runs."""


@pytest.fixture
def start(tmp_path: Path, opencost: FakeOpenCost) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []
    write_map(tmp_path, {"ml-research": "ml-research"})
    opencost.entries = [pod("ml-research", "a-1", 0.5), idle(0.25)]

    def run(**env: str) -> subprocess.Popen[str]:
        usual = {"DATA_DIR": str(tmp_path), "OPENCOST_ENDPOINT": opencost.url, "COLLECT_BACKFILL_DAYS": "1"}
        process = subprocess.Popen(
            [sys.executable, "-m", "modeltrack_api.collector"],
            env={"PATH": os.environ["PATH"], "ENABLE_OPENCOST": "true", **usual, **env},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()
        assert process.stdout
        process.stdout.close()


def stop(process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> str:
    """Return all that was printed."""
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    return output


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"ENABLE_OPENCOST": "ja"}, "ENABLE_OPENCOST: 'ja' is not allowed: must be true or false"),
        ({"ENABLE_OPENCOST": "false"}, "nothing to collect: set ENABLE_OPENCOST, ENABLE_AWS_COSTS or "),
        ({"DATA_DIR": "/dev/null"}, "namespace_map.json: cannot be read: Not a directory"),
    ],
)
def test_what_keeps_it_from_starting_is_one_line(start: Start, env: dict[str, str], message: str) -> None:
    process = start(**env)
    output, _ = process.communicate(timeout=60)
    assert output.startswith(f"collector: {message}")
    assert output.count("\n") == 1
    assert process.returncode == 1


def test_a_map_that_does_not_validate_keeps_it_from_starting(start: Start, tmp_path: Path) -> None:
    write_map(tmp_path, {"a": ""})
    output, _ = start().communicate(timeout=60)
    assert output.startswith("collector: namespace_map.json: a: ")


def test_without_boto3_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(SourceError, match=r"pip install '\.\[aws\]'"):
        check_boto3()


def test_it_collects_from_all_sources_and_stops_when_told(start: Start, tmp_path: Path, aws: FakeAws) -> None:
    aws.gpus = [agent_gpu("i-1", 0, 50.0)]
    aws.days.update(
        {f"2026-{m:02}-{d:02}": [[group("Amazon S3", "a", "1")]] for m in range(1, 13) for d in range(1, 32)}
    )
    env = AWS_ENVIRONMENT | {"AWS_ENDPOINT_URL": aws.url, "ENABLE_AWS_COSTS": "true", "ENABLE_GPU_METRICS": "true"}
    log = tmp_path / "cost_events.jsonl"
    process = start(**env)
    until(lambda: log.exists() and log.read_bytes().count(b"EC2 GPU") >= 24, 60)
    output = stop(process)
    assert "stopped" in output
    assert SECRET_KEY not in output
    kinds = Counter((event["provider"], event["event_type"]) for event in events_in(tmp_path))
    assert kinds[("opencost", "aws_infrastructure")] in A_DAY
    assert kinds[("aws", "gpu_compute")] >= 24


def test_an_answer_that_does_not_come_does_not_hold_up_the_end(start: Start, opencost: FakeOpenCost) -> None:
    opencost.hold.set()
    process = start()
    until(lambda: opencost.asked, 60)
    stop(process, signal.SIGINT)
    assert not opencost.released.is_set()


def test_only_one_collects_into_a_folder(start: Start, tmp_path: Path, opencost: FakeOpenCost) -> None:
    opencost.hold.set()
    first = start()
    until(lambda: opencost.asked, 60)
    output, _ = start().communicate(timeout=60)
    assert output == f"collector: {tmp_path}: another collector is running there\n"
    assert first.poll() is None


def test_killed_in_the_middle_it_goes_on_where_it_was(start: Start, tmp_path: Path, opencost: FakeOpenCost) -> None:
    def windows() -> int:
        return len(events_in(tmp_path)) // 2 if (tmp_path / "cost_events.jsonl").exists() else 0

    for wanted in (3, 8, 13):
        process = start()
        until(lambda wanted=wanted: windows() >= wanted, 60)
        process.kill()
        process.wait()
    process = start()
    until(lambda: windows() >= 24, 60)
    stop(process)
    found = Counter((event["timestamp"], event["resource_id"]) for event in events_in(tmp_path))
    assert len(found) in A_DAY
    assert set(found.values()) == {1}


def test_killed_at_any_step_it_writes_each_event_once(tmp_path: Path, opencost: FakeOpenCost) -> None:
    opencost.entries = [pod("ml-research", "a-1", 0.5), idle(0.25)]
    run = subprocess.run(
        [sys.executable, "-m", "tests.modeltrack_api.collector.crash", str(tmp_path), opencost.url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    # Steps of each of two windows: two events with two writes each, an fsync, the state file's fsync and its renaming;
    # and for each of these one step before and one after.
    assert int(run.stdout) == 2 * 2 * (2 * 2 + 3)
    for folder in tmp_path.iterdir():
        found = [(event["timestamp"][11:13], event["cost_usd"]) for event in events_in(folder)]
        assert sorted(found) == [("09", 0.25), ("09", 0.5), ("10", 0.25), ("10", 0.5)], folder.name
