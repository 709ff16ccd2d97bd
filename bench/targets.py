"""Start what is measured: ModelTrack with all its features on, bare mitmdump, and the fake provider.

Each runs on loopback in its own process, which ends with the `with` that started it.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from addons.settings.fields import VARIABLES
from demo.__main__ import RULES

_ROOT = Path(__file__).resolve().parent.parent
_MITMDUMP = Path(sys.executable).with_name("mitmdump")
_START_SECONDS = 120
_TICKS = os.sysconf("SC_CLK_TCK")

TEAM, APP = "bench", "load"
BUDGETS = {
    "budgets": [
        {"team": TEAM, "monthly_limit": 10**8, "action": "block"},
        {"team": TEAM, "app": APP, "monthly_limit": 10**8, "action": "warn"},
    ]
}


@dataclass(frozen=True)
class Target:
    name: str
    url: str
    pid: int | None = None
    """None if the process was not started here."""

    def cpu(self) -> float:
        """Return the seconds of CPU that the process has used; 0 without a pid."""
        if self.pid is None:
            return 0.0
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_mb(pid: int | None) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextmanager
def provider(*args: str, module: str = "demo.fake_provider") -> Iterator[Target]:
    """Run a provider: a module that prints its URL and serves until it is terminated."""
    command = [sys.executable, "-m", module, *args]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=_ROOT) as process:
        assert process.stdout
        try:
            yield Target("provider", process.stdout.readline().decode().strip(), process.pid)
        finally:
            process.terminate()


def write_settings(folder: Path) -> None:
    (folder / "budgets.json").write_bytes(orjson.dumps(BUDGETS))
    (folder / "routing.json").write_bytes(orjson.dumps(RULES))


@contextmanager
def modeltrack(folder: Path, upstream: str, *args: str, name: str = "ModelTrack") -> Iterator[Target]:
    env = {"DATA_DIR": str(folder), "ANTHROPIC_BASE_URL": upstream, "OPENAI_BASE_URL": upstream}
    script = ["-s", str(_ROOT / "addons" / "main.py")]
    with _mitmdump(name, folder, [*script, *args], env, b"/readyz") as target:
        yield target


@contextmanager
def bare(folder: Path, upstream: str, *args: str, name: str = "mitmdump -q") -> Iterator[Target]:
    with _mitmdump(name, folder, ["-q", "--mode", f"reverse:{upstream}", *args], {}, b"") as target:
        yield target


@contextmanager
def _mitmdump(name: str, folder: Path, args: list[str], env: dict[str, str], page: bytes) -> Iterator[Target]:
    kept = {key: value for key, value in os.environ.items() if key not in VARIABLES}
    port = _free_port()
    common = ["--listen-host", "127.0.0.1", "-p", str(port), "--set", f"confdir={folder}/mitmproxy"]
    with (folder / "output.log").open("ab") as output:
        process = subprocess.Popen([_MITMDUMP, *args, *common], env=kept | env, stdout=output, stderr=output)
    try:
        _wait_for(port, page, process, folder / "output.log")
        yield Target(name, f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, page: bytes, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until a GET of `page` gets an answer other than 503, or without a page, until the port takes connections.

    Raises RuntimeError if the process ends or takes too long.
    """
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as probe:
                if not page:
                    return
                probe.sendall(b"GET %b HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n" % page)
                if (answer := probe.recv(12)) and b" 503" not in answer:
                    return
        except OSError:
            pass
        time.sleep(0.01)
    raise RuntimeError(f"the proxy did not start:\n{log.read_text()}")
