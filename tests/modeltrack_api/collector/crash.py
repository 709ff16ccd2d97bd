"""Kill the collector at each step on its way to the disk, and start it again: `python crash.py FOLDER OPENCOST_URL`.

A step is a system call that changes a file. The kill comes before each, after it, and in the middle of a write. It
prints how many steps there were, and leaves what the collectors wrote in a folder for each step.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from addons.ledger.event_log import EventLog
from modeltrack_api.collector.once import OnceLog, State
from modeltrack_api.collector.opencost import OpenCost
from modeltrack_api.collector.runner import Runner
from modeltrack_api.collector.teams import Teams
from tests.modeltrack_api.collector.conftest import NOW


def collect(folder: Path, url: str) -> None:
    teams = Teams(folder)
    teams.load()
    log = OnceLog(EventLog(folder / "cost_events.jsonl"))
    state = State(folder / "collector_state.json")
    backfill = timedelta(hours=2)
    runner = Runner([OpenCost(url, teams)], teams, log, state, now=lambda: NOW, interval=600, backfill=backfill)
    runner.open()
    while not runner.round(threading.Event()):
        pass
    runner.close()


def kill_at(step: int) -> None:
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1
        if steps == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*args: Any) -> Any:
            count()
            result = call(*args)
            count()
            return result

        return counting

    write = counted(os.write)

    def in_two(fd: int, data: bytes) -> int:
        half = len(data) // 2
        return int(write(fd, data[:half]) + write(fd, data[half:]))

    os.write, os.fsync, os.replace = in_two, counted(os.fsync), counted(os.replace)  # type: ignore[assignment]


def ends_well(folder: Path, url: str, step: int) -> bool:
    child = os.fork()
    if child == 0:
        kill_at(step)
        collect(folder, url)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def main() -> None:
    folder, url = Path(sys.argv[1]), sys.argv[2]
    step = 0
    done = False
    while not done:
        step += 1
        mine = folder / str(step)
        mine.mkdir()
        done = ends_well(mine, url, step)
        assert ends_well(mine, url, 0)
    print(step - 1)


if __name__ == "__main__":
    main()
