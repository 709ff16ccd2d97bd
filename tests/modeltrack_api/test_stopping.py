"""A process with threads, which is told to end."""

import os
import signal
import subprocess
import sys

import pytest

PROGRAM = """
import threading
from modeltrack_api.stopping import hold_signals, wait_for_signal
hold_signals()
threading.Thread(target=threading.Event().wait, daemon=True).start()
print("up", flush=True)
wait_for_signal({needed})
print("stopping", flush=True)
{then}
"""


def started(needed: str = "", then: str = "") -> subprocess.Popen[str]:
    program = PROGRAM.format(needed=needed, then=then)
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "up\n"
    return process


def rest(process: subprocess.Popen[str]) -> str:
    """Return what the process prints until it ends."""
    assert process.stdout
    with process.stdout:
        printed = process.stdout.read()
    process.wait(60)
    return printed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_each_signal_is_waited_for_and_none_runs_a_handler(number: int) -> None:
    process = started()
    os.kill(process.pid, number)
    assert (rest(process), process.returncode) == ("stopping\n", 0)


def test_a_second_signal_ends_it_at_once() -> None:
    process = started(then="threading.Event().wait()")
    assert process.stdout
    process.terminate()
    assert process.stdout.readline() == "stopping\n"
    process.terminate()
    assert (rest(process), process.returncode) == ("", -signal.SIGTERM)


def test_it_ends_when_nothing_is_left_to_wait_for() -> None:
    assert rest(started(needed="lambda: False")) == "stopping\n"


def test_no_thread_takes_the_signal() -> None:
    """A signal that finds a thread which does not block it may leave the main thread waiting."""
    process = started()
    masks = []
    for task in os.listdir(f"/proc/{process.pid}/task"):
        with open(f"/proc/{process.pid}/task/{task}/status") as status:
            masks += [int(line.split()[1], 16) for line in status if line.startswith("SigBlk")]
    process.terminate()
    rest(process)
    wanted = 1 << (signal.SIGTERM - 1) | 1 << (signal.SIGINT - 1)
    waiting = [mask & wanted for mask in masks]
    assert len(masks) == 2 and waiting.count(wanted) >= 1
