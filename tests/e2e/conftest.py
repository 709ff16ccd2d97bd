"""Real mitmdump processes between real SDKs and the fake provider.

Every key and every prompt of these tests contains SECRET; when the tests are through, no data folder and no log may.
"""

import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests

from demo.fake_provider.server import FakeProvider
from tests import ROOT

SECRET = "s3cr3t-f00"
KEY = f"sk-{SECRET}"
PROMPT = f"Say hello, {SECRET}."
SCRIPTS = Path(__file__).with_name("scripts")
"""The scripts that some tests load into mitmdump in place of addons/main.py, or beside it."""
_START_SECONDS = 60
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"  # behind a proxy of the machine's own


def until[T](condition: Callable[[], T], seconds: float = 60) -> T:
    """Return the first true value of `condition`, for what another process does in its own time."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if value := condition():
            return value
        pause.wait(0.02)
    raise TimeoutError(f"still false after {seconds} s")


def free_port() -> int:
    """Return a port for a process that cannot be told 0: below those that the system gives to whoever asks for any."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


def replace(path: Path, text: str) -> None:
    """Write a file as editors do: nobody who watches it sees it empty or in part."""
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.replace(path)


class Proxy:
    """One mitmdump process and its data folder."""

    _authority: ClassVar[Path | None] = None
    """The configuration folder of the proxy that was started first."""

    def __init__(
        self, folder: Path, env: dict[str, str], args: tuple[str, ...] = (), program: str = "mitmdump"
    ) -> None:
        self.data = folder / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        self.output = folder / "output.txt"
        self.confdir = folder / "confdir"
        self._args = ["--set", f"confdir={self.confdir}", "--listen-host", "127.0.0.1", *args]
        self.use("mitmdump")
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self._env = keep | {"DATA_DIR": str(self.data), "PROXY_PORT": "0", "PYTHONUNBUFFERED": "1"} | env
        self.url = ""

    def use(self, program: str, script: Path = ROOT / "addons/main.py") -> None:
        self._command = [str(Path(sys.executable).with_name(program)), "-s", str(script), *self._args]

    def bare(self) -> None:
        """Run mitmdump without ModelTrack."""
        self._command = [str(Path(sys.executable).with_name("mitmdump")), *self._args]

    def start(self) -> "Proxy":
        self.spawn()
        port = until(self._port, _START_SECONDS)
        self.url = f"http://127.0.0.1:{port}"
        return self

    def spawn(self) -> subprocess.Popen[bytes]:
        self._share_authority()
        with self.output.open("ab") as output:
            self._start_of_log = output.tell()
            self.process = subprocess.Popen(
                self._command, env=self._env, cwd=self.data, stdout=output, stderr=subprocess.STDOUT
            )
        return self.process

    def _share_authority(self) -> None:
        """Take the CA that the first proxy has made: each would make a key of its own, which takes a while."""
        self.confdir.mkdir(exist_ok=True)
        made = Proxy._authority
        if made and (made / "mitmproxy-dhparam.pem").exists():
            for file in made.glob("mitmproxy-*"):
                if not (self.confdir / file.name).exists():
                    shutil.copy2(file, self.confdir)
        else:
            Proxy._authority = self.confdir

    def _port(self) -> str:
        if self.process.poll() is not None:
            raise RuntimeError(f"mitmdump ended with {self.process.returncode}:\n{self.log}")
        found = re.findall(r"listening at 127\.0\.0\.1:(\d+)", self.log)
        return found[-1] if found else ""

    @property
    def log(self) -> str:
        """Return what this process has printed."""
        return self.output.read_bytes()[self._start_of_log :].decode()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise

    def events(self, **wanted: Any) -> list[dict[str, Any]]:
        """The cost events with these values."""
        path = self.data / "cost_events.jsonl"
        lines = path.read_bytes().splitlines() if path.exists() else []
        found = [json.loads(line) for line in lines]
        return [event for event in found if wanted.items() <= event.items()]

    def get(self, path: str) -> Any:
        return requests.get(self.url + path, timeout=60).json()

    def ready(self) -> "Proxy":
        """Wait until the ledger is rebuilt."""
        until(lambda: requests.get(self.url + "/readyz", timeout=60).ok)
        return self

    def write(self, name: str, content: Any) -> None:
        """Replace one of the files in the data folder."""
        replace(self.data / name, content if isinstance(content, str) else json.dumps(content))


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Path]]:
    made: list[Path] = []

    def make() -> Path:
        made.append(tmp_path_factory.mktemp("proxy"))
        return made[-1]

    yield make
    for path in (path for folder in made for path in folder.rglob("*") if path.is_file()):
        assert SECRET.encode() not in path.read_bytes(), f"{path} holds a key or a prompt"


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


@pytest.fixture(autouse=True)
def forget(fake: FakeProvider) -> None:
    fake.clear()


@pytest.fixture(scope="module")
def make_proxy(folders: Callable[[], Path], fake: FakeProvider) -> Iterator[Callable[..., Proxy]]:
    """Starts a proxy in front of the fake provider: `files` go to its data folder, other names to its environment."""
    started: list[Proxy] = []

    def make(*args: str, files: dict[str, Any] | None = None, start: bool = True, **env: str) -> Proxy:
        upstreams = {"ANTHROPIC_BASE_URL": fake.url, "OPENAI_BASE_URL": fake.url + "/v1"}
        proxy = Proxy(folders(), upstreams | env, args)
        for name, content in (files or {}).items():
            proxy.write(name, content)
        started.append(proxy)
        return proxy.start() if start else proxy

    yield make
    for proxy in started:
        if hasattr(proxy, "process"):
            proxy.stop()


@pytest.fixture(scope="module")
def proxy(make_proxy: Callable[..., Proxy]) -> Proxy:
    """One for all tests of a file that need nothing special: they tell their events apart by team."""
    return make_proxy()
