"""`make demo`, whole: on a pipe, as CI runs it, and on a terminal."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests

from tests.e2e.conftest import ROOT, until

README = (ROOT / "README.md").read_text()


def test_the_demo_shows_a_hit_a_downgrade_a_warning_a_refusal_and_a_stream_and_ends(tmp_path: Path) -> None:
    of_the_machine = {"HTTP_PROXY": "http://127.0.0.1:9", "CACHE_ENABLED": "false", "MODELTRACK_DEFAULT_TEAM": "x"}
    env = os.environ | of_the_machine | {"TMPDIR": str(tmp_path)}
    del env["NO_PROXY"], env["no_proxy"]
    command = [sys.executable, "-m", "demo"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    for line in ("cache HIT", "downgraded to", "warned:", "refused:", "streamed"):
        assert line in done.stdout
    total = "  TOTAL                     40     5       3    38,400    $0.10466     $0.0465"
    assert total in done.stdout and total in README
    assert list(tmp_path.iterdir()) == []


def test_on_a_terminal_the_demo_stays_up_with_the_dashboard_and_more_traffic(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "demo"]
    env = os.environ | {"TMPDIR": str(tmp_path)}
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    try:
        shown = read_until(ours, r"The dashboard:  (http://127\.0\.0\.1:\d+)/.*Ctrl-C")
        before = overview(shown[1])
        assert before["total_requests"] >= 40
        assert before["top_team"]["team"] == "ml-research"
        until(lambda: overview(shown[1])["total_requests"] > before["total_requests"])
    finally:
        process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    os.close(ours)
    assert list(tmp_path.iterdir()) == []


def read_until(terminal: int, pattern: str) -> re.Match[str]:
    """Read what the demo prints until the pattern is found in it, and return the match.

    The terminal has 0 columns, and the demo never waits for input.
    """
    printed = b""
    while not (found := re.search(pattern, printed.decode(errors="replace"), re.DOTALL)):
        assert select.select([terminal], [], [], 60)[0], printed
        printed += os.read(terminal, 4096)
    return found


def overview(url: str) -> dict[str, Any]:
    answer = requests.get(url + "/api/overview", timeout=10)
    answer.raise_for_status()
    data: dict[str, Any] = answer.json()["data"]
    return data
