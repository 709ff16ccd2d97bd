"""Run the demo's proxy and API as processes: each has its own port and settings, and ends with the demo."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from addons.settings import MITMPROXY_SETTINGS, SETTINGS

_MAIN = Path(__file__).resolve().parent.parent / "addons" / "main.py"
_START_SECONDS = 60
_API_SETTINGS = ("DATA_DIR", "DB_PATH", "PORT", "API_HOST", "API_TOKEN", "SLACK_WEBHOOK_URL")


@contextmanager
def proxy(folder: Path, upstream: str) -> Iterator[tuple[str, int]]:
    """Run the proxy in mitmdump, and yield its URL and process id once it is ready."""
    port = _free_port(8080)
    settings = {"PROXY_PORT": port, "DATA_DIR": folder, "ANTHROPIC_BASE_URL": upstream, "OPENAI_BASE_URL": upstream}
    mitmdump = Path(sys.executable).with_name("mitmdump")
    command = [str(mitmdump), "-s", str(_MAIN), "--listen-host", "127.0.0.1", "--set", f"confdir={folder}/mitmproxy"]
    with _running(command, settings, folder / "proxy.log", f"http://127.0.0.1:{port}", "/readyz") as started:
        yield started


@contextmanager
def api(folder: Path) -> Iterator[tuple[str, int]]:
    """Run the API on the proxy's event log, and yield its URL and process id once it is ready."""
    port = _free_port(3001)
    settings = {"PORT": port, "DATA_DIR": folder}
    command = [sys.executable, "-m", "modeltrack_api"]
    with _running(command, settings, folder / "api.log", f"http://127.0.0.1:{port}", "/api/overview") as started:
        yield started


@contextmanager
def _running(
    command: list[str], settings: dict[str, Any], log: Path, url: str, ready_path: str
) -> Iterator[tuple[str, int]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=_environment(settings), cwd=_MAIN.parent.parent, stdout=output, stderr=output
        )
        try:
            _wait_until_ready(url + ready_path, process, log)
            yield url, process.pid
        finally:
            process.terminate()
            process.wait(20)


def _environment(settings: dict[str, Any]) -> dict[str, str]:
    """Return the environment with these settings, but without those of another ModelTrack on the machine."""
    theirs = {info.env for info in (SETTINGS | MITMPROXY_SETTINGS).values()} | {"AWS_REGION", *_API_SETTINGS}
    kept = {name: value for name, value in os.environ.items() if name not in theirs}
    return kept | {name: str(value) for name, value in settings.items()}


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no port on 127.0.0.1 is free")


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} did not start:\n{log.read_text()}")
