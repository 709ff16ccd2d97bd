"""Starting: which setting wins, which programs it runs in, and reloading."""

import contextlib
import fcntl
import os
import pty
import shutil
import socket
import struct
import subprocess
import termios
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from demo.fake_provider.server import FakeProvider
from tests.e2e.calls import post
from tests.e2e.conftest import ROOT, Proxy, free_port, replace, until

START = Callable[..., Proxy]


def ttl(proxy: Proxy) -> int:
    return int(proxy.get("/cache/stats")["ttl_seconds"])


@pytest.mark.parametrize(
    ("config_yaml", "environment", "arguments", "expected"),
    [
        (None, None, None, 3600),
        ("7", None, None, 7),
        ("7", "8", None, 8),
        ("7", "8", "9", 9),
        ("7", None, "9", 9),
        (None, "8", "9", 9),
        (None, "8", "3600", 3600),
    ],
)
def test_the_command_line_wins_over_the_environment_and_that_over_config_yaml(
    make_proxy: START, config_yaml: str | None, environment: str | None, arguments: str | None, expected: int
) -> None:
    args = ["--set", f"modeltrack_cache_ttl_seconds={arguments}"] if arguments else []
    env = {"CACHE_TTL_SECONDS": environment} if environment else {}
    proxy = make_proxy(*args, start=False, **env)
    if config_yaml:
        proxy.confdir.mkdir()
        (proxy.confdir / "config.yaml").write_text(f"modeltrack_cache_ttl_seconds: {config_yaml}\n")
    assert ttl(proxy.start()) == expected


def test_a_mistyped_option_is_named_in_one_line(make_proxy: START) -> None:
    proxy = make_proxy("--set", "modeltrack_cache_tll=7", "--set", "modeltrack_cache_ttl_seconds=8", "--set", "other=9")
    assert ttl(proxy) == 8
    [line] = [line for line in proxy.log.splitlines() if "no such option" in line]
    assert line.endswith("ignored: modeltrack_cache_tll")


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.mark.parametrize("where", ["-p", "--set", "PROXY_PORT", "config.yaml"])
def test_the_port_can_be_set_in_each_way(make_proxy: START, port: int, where: str) -> None:
    args = {"-p": ["-p", str(port)], "--set": ["--set", f"listen_port={port}"]}.get(where, [])
    proxy = make_proxy(*args, start=False, PROXY_PORT={"PROXY_PORT": str(port), "config.yaml": ""}.get(where, "0"))
    if where == "config.yaml":
        proxy.confdir.mkdir()
        (proxy.confdir / "config.yaml").write_text(f"listen_port: {port}\n")
    assert proxy.start().url == f"http://127.0.0.1:{port}"


def test_a_taken_default_port_does_not_matter(make_proxy: START) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 8080))
            taken.listen()
        except OSError:
            pass  # something else has it, which is as good
        assert make_proxy().get("/healthz") == {"status": "ok"}


def test_a_taken_port_stops_the_start(make_proxy: START) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        proxy = make_proxy(start=False, PROXY_PORT=str(taken.getsockname()[1]))
        assert proxy.spawn().wait(60) == 1
    assert "already in use" in proxy.log and "Traceback" not in proxy.log


def test_mitm_conf_makes_it_a_gateway_and_a_mode_on_the_command_line_wins(
    make_proxy: START, fake: FakeProvider
) -> None:
    assert "reverse proxy to" in make_proxy().log
    proxy = make_proxy("--mode", f"reverse:{fake.url}")
    assert f"reverse proxy to {fake.url}" in proxy.log


def test_config_yaml_wins_over_mitm_conf(make_proxy: START, fake: FakeProvider) -> None:
    proxy = make_proxy(start=False)
    proxy.confdir.mkdir()
    (proxy.confdir / "config.yaml").write_text(f"mode: ['reverse:{fake.url}']\n")
    assert f"reverse proxy to {fake.url}" in proxy.start().log


def test_it_starts_in_any_folder_and_mitmdump_lists_its_options(make_proxy: START, tmp_path: Path) -> None:
    proxy = make_proxy("--options", start=False)
    assert proxy.spawn().wait(60) == 0
    assert "modeltrack_cache_ttl_seconds: 3600" in proxy.log
    assert "How long a cached answer may be served" in proxy.log


def test_mitmweb_runs_it_too(make_proxy: START, fake: FakeProvider) -> None:
    proxy = make_proxy("--set", "web_open_browser=false", "--set", "web_port=0", start=False)
    proxy.use("mitmweb")
    proxy.start()
    assert post(proxy).status_code == 200
    assert [event["cost_usd"] for event in proxy.events()] == [0.006]


def test_mitmproxys_console_runs_it_too(make_proxy: START, port: int) -> None:
    proxy = make_proxy(start=False, PROXY_PORT=str(port), LOG_LEVEL="warn", TERM="xterm")
    proxy.use("mitmproxy")
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    shown: list[bytes] = []

    def read() -> None:
        with contextlib.suppress(OSError):  # the other end is closed
            shown.extend(iter(lambda: os.read(screen, 65536), b""))

    reader = threading.Thread(target=read)
    proxy.process = subprocess.Popen(
        proxy._command, env=proxy._env, cwd=proxy.data, stdin=terminal, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    reader.start()
    proxy.url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert proxy.process.poll() is None, b"".join(shown).decode(errors="replace")
        try:
            return requests.get(proxy.url + "/readyz", timeout=5).ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    try:
        until(answers)
        assert post(proxy).status_code == 200
        assert [event["cost_usd"] for event in proxy.events()] == [0.006]
    finally:
        proxy.stop()
        reader.join(60)
        os.close(screen)


def test_flows_read_from_a_file_cost_nothing_again(make_proxy: START, tmp_path: Path) -> None:
    flows = str(tmp_path / "flows")
    recorded = make_proxy("-w", flows)
    assert post(recorded).status_code == 200
    recorded.stop()
    assert len(recorded.events()) == 1
    reader = make_proxy("-nr", flows, start=False)
    assert reader.spawn().wait(60) == 0
    assert reader.events() == [] and "Traceback" not in reader.log


def test_a_copy_as_a_wheel_installs_it_uses_its_own_files(make_proxy: START, tmp_path: Path) -> None:
    """mitm.conf beside main.py, and another ModelTrack earlier on the path that could be mistaken for it."""
    shutil.copytree(ROOT / "addons", tmp_path / "addons", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "mitm.conf", tmp_path / "addons")
    other = tmp_path / "other" / "addons"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("raise RuntimeError('the other one')\n")
    proxy = make_proxy(start=False, DATA_DIR="", PYTHONPATH=str(other.parent))
    proxy.use("mitmdump", tmp_path / "addons/main.py")
    assert "reverse proxy to http://modeltrack.invalid" in proxy.start().log
    until((tmp_path / "data" / "cost_events.jsonl").exists)  # it listens before it opens the log


def test_editing_the_script_reloads_it_without_losing_spend(make_proxy: START, tmp_path: Path) -> None:
    """A copy of main.py beside nothing else: it finds its package through PYTHONPATH, as an installed one does."""
    script = tmp_path / "main.py"
    script.write_text((ROOT / "addons/main.py").read_text())
    budgets = {"budgets": [{"team": "t", "monthly_limit": 5, "action": "block"}]}
    proxy = make_proxy(start=False, files={"budgets.json": budgets}, PYTHONPATH=str(ROOT))
    proxy.use("mitmdump", script)
    proxy.start()
    post(proxy, "t")
    replace(script, script.read_text() + "\n# edited\n")
    until(lambda: proxy.log.count("Loading script") == 2)
    proxy.ready()
    assert proxy.get("/stats")["total_requests"] == 0
    assert proxy.get("/stats")["budgets"][0]["spend_usd"] == 0.006
    post(proxy, "t")
    assert len(proxy.events()) == 2
