"""Test what real processes leave in data/: modes under any umask, and links in the place of the log."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.e2e.calls import post
from tests.e2e.conftest import Proxy, until
from tests.e2e.dashboard.tab import api
from tests.modeltrack_api.collector.fakes import FakeOpenCost, pod
from tests.modeltrack_api.test_main import ended, start

LOG = "cost_events.jsonl"
Start = Callable[..., Proxy]


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """The umask of the processes that a test starts."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(folder: Path, *but: str) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if path.name not in but}


def collect(folder: Path, opencost: FakeOpenCost) -> "subprocess.Popen[str]":
    env = {"PATH": os.environ["PATH"], "DATA_DIR": str(folder), "ENABLE_OPENCOST": "true"}
    return subprocess.Popen(
        [sys.executable, "-m", "modeltrack_api.collector"],
        env=env | {"OPENCOST_ENDPOINT": opencost.url, "COLLECT_BACKFILL_DAYS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def opencost() -> Iterator[FakeOpenCost]:
    fake = FakeOpenCost()
    fake.entries = [pod("ml-research", "a-1", 0.5)]
    yield fake
    fake.close()


def test_what_proxy_api_and_collector_make_is_0640_at_most(
    make_proxy: Start, opencost: FakeOpenCost, umask: int
) -> None:
    proxy = make_proxy()
    assert post(proxy).status_code == 200
    collector = collect(proxy.data, opencost)
    until(lambda: (proxy.data / "collector_state.json").exists())
    with api(proxy.data) as url:
        assert requests.get(f"{url}/api/overview", timeout=60).json()["data"]["total_requests"] == 1
        found = modes(proxy.data)
    collector.terminate()
    collector.communicate(timeout=60)
    assert {LOG, "modeltrack.db", "modeltrack.db-wal", "modeltrack.db-shm", "collector_state.json"} <= set(found)
    assert {name: oct(mode) for name, mode in found.items() if mode != 0o640 & ~umask} == {}


def test_a_wider_log_of_ours_is_closed_at_the_start(make_proxy: Start) -> None:
    proxy = make_proxy(start=False, files={LOG: "\n"})
    (proxy.data / LOG).chmod(0o666)
    proxy.start().ready()  # it may listen before it has opened the log
    assert modes(proxy.data) == {LOG: 0o640}


def linked(folder: Path, target: Path) -> Path:
    target.write_text("theirs\n")
    (folder / LOG).symlink_to(target)
    return target


def test_the_proxy_does_not_start_with_a_link_in_the_logs_place(make_proxy: Start, tmp_path: Path) -> None:
    proxy = make_proxy(start=False)
    target = linked(proxy.data, tmp_path / "theirs")
    assert proxy.spawn().wait(60) == 1
    [line] = [line for line in proxy.log.splitlines() if "symbolic link" in line]
    assert str(proxy.data / LOG) in line and "put the file itself there" in line
    assert target.read_text() == "theirs\n" and "Traceback" not in proxy.log


def test_neither_does_the_api(tmp_path: Path) -> None:
    (data := tmp_path / "data").mkdir()
    linked(data, tmp_path / "theirs")
    code, _, err = ended(start(data))
    assert code == 1 and len(err.splitlines()) == 1 and "is a symbolic link" in err and str(data / LOG) in err


def test_neither_does_the_collector(tmp_path: Path, opencost: FakeOpenCost) -> None:
    (data := tmp_path / "data").mkdir()
    target = linked(data, tmp_path / "theirs")
    process = collect(data, opencost)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and target.read_text() == "theirs\n"
    assert output.startswith("collector: ") and len(output.splitlines()) == 1 and "is a symbolic link" in output


def test_a_folder_that_is_a_link_will_do(make_proxy: Start, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    proxy = make_proxy(DATA_DIR=str(tmp_path / "link"))
    assert post(proxy).status_code == 200
    assert (tmp_path / "real" / LOG).stat().st_size > 0


def test_a_link_that_comes_later_is_not_written_to_and_events_wait(make_proxy: Start, tmp_path: Path) -> None:
    proxy = make_proxy()
    assert post(proxy).status_code == 200
    log = proxy.data / LOG
    log.rename(moved := tmp_path / "moved")
    size = moved.stat().st_size
    log.symlink_to(moved)
    until(lambda: "symbolic link" in proxy.log)
    post(proxy, "later")
    assert moved.stat().st_size == size
    log.unlink()
    until(lambda: proxy.events(team="later"))
