"""Run the demo's proxy and API as processes: each has its own port and settings, and ends with the demo."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests

from addons.settings.fields import VARIABLES

_MAIN = Path(__file__).resolve().parent.parent / "addons" / "main.py"
_START_SECONDS = 60
_LISTENS = re.compile(r"(?:listening at |ModelTrack API on http://)(127\.0\.0\.1:\d+)")
_API_SETTINGS = ("DATA_DIR", "DB_PATH", "PORT", "API_HOST", "API_TOKEN", "API_TOKEN_FILE", "SLACK_WEBHOOK_URL")


@contextmanager
def proxy(folder: Path, upstream: str) -> Iterator[tuple[str, int]]:
    """Run the proxy in mitmdump, and yield its URL and process id once it is ready."""
    settings = {"DATA_DIR": folder, "ANTHROPIC_BASE_URL": upstream, "OPENAI_BASE_URL": upstream}
    mitmdump = Path(sys.executable).with_name("mitmdump")
    command = [str(mitmdump), "-s", str(_MAIN), "--listen-host", "127.0.0.1", "--set", f"confdir={folder}/mitmproxy"]
    with _running(command, settings, "PROXY_PORT", 8080, folder / "proxy.log", "/readyz") as started:
        yield started


@contextmanager
def api(folder: Path) -> Iterator[tuple[str, int]]:
    """Run the API on the proxy's event log, and yield its URL and process id once it is ready."""
    command = [sys.executable, "-m", "modeltrack_api"]
    with _running(command, {"DATA_DIR": folder}, "PORT", 3001, folder / "api.log", "/api/overview") as started:
        yield started


@contextmanager
def _running(
    command: list[str], settings: dict[str, Any], port_setting: str, wanted: int, log: Path, ready_path: str
) -> Iterator[tuple[str, int]]:
    """Run the command on the wanted port, or on a free one if another process has that port.

    Yield its URL and process id once it is ready.
    """
    for port in (wanted, 0) if _is_free(wanted) else (0,):
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                env=_environment(settings | {port_setting: port}),
                cwd=_MAIN.parent.parent,
                stdout=output,
                stderr=output,
            )
        try:
            if not (url := _url(process, log)):
                continue
            _wait_until_ready(url + ready_path, process, log)
            yield url, process.pid
            return
        finally:
            process.terminate()
            process.wait(20)
    raise _did_not_start(process, log)


def _environment(settings: dict[str, Any]) -> dict[str, str]:
    """Return the environment with these settings, but without those of another ModelTrack on the machine."""
    theirs = VARIABLES.union(_API_SETTINGS)
    kept = {name: value for name, value in os.environ.items() if name not in theirs}
    return kept | {name: str(value) for name, value in settings.items()}


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _url(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Return where the process says that it listens, "" if it has ended. Another one may answer at its port."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        has_ended = process.poll() is not None
        if found := _LISTENS.search(log.read_text()):
            return f"http://{found[1]}"
        if has_ended:
            return ""
        time.sleep(0.05)
    raise _did_not_start(process, log)


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(requests.ConnectionError):  # the process may have ended
            if requests.get(url, timeout=_START_SECONDS).ok:
                return
        time.sleep(0.05)
    raise _did_not_start(process, log)


def _did_not_start(process: "subprocess.Popen[bytes]", log: Path) -> RuntimeError:
    return RuntimeError(f"{process.args!r} did not start:\n{log.read_text()}")
