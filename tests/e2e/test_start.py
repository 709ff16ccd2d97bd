"""Starting: which setting wins, which programs it runs in, and reloading."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from modeltrack_api.fake_provider import FakeProvider

from .conftest import KEY, PROMPT, ROOT, Proxy, until

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


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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


def test_it_starts_in_any_folder_and_mitmdump_lists_its_options(make_proxy: START, tmp_path: Path) -> None:
    proxy = make_proxy("--options", start=False)
    assert proxy.spawn().wait(60) == 0
    assert "modeltrack_cache_ttl_seconds: 3600" in proxy.log
    assert "How long a cached answer may be served" in proxy.log


def test_mitmweb_runs_it_too(make_proxy: START, fake: FakeProvider) -> None:
    proxy = make_proxy("--set", "web_open_browser=false", "--set", "web_port=0", start=False)
    proxy.use("mitmweb")
    proxy.start()
    body = {"model": "claude-haiku-4-5", "max_tokens": 5, "messages": [{"role": "user", "content": PROMPT}]}
    answer = requests.post(proxy.url + "/v1/messages", json=body, headers={"x-api-key": KEY}, timeout=20)
    assert answer.status_code == 200
    assert [event["cost_usd"] for event in proxy.events()] == [0.002]


def test_editing_the_script_reloads_it_without_losing_spend(make_proxy: START, tmp_path: Path) -> None:
    """A copy of main.py beside nothing else: it finds its package through PYTHONPATH, as an installed one does."""
    script = tmp_path / "main.py"
    script.write_text((ROOT / "addons/main.py").read_text())
    budgets = {"budgets": [{"team": "t", "monthly_limit": 5, "action": "block"}]}
    proxy = make_proxy(start=False, files={"budgets.json": budgets}, PYTHONPATH=str(ROOT))
    proxy.use("mitmdump", script)
    proxy.start()
    headers = {"X-ModelTrack-Team": "t", "x-api-key": KEY}
    body = {"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": PROMPT}]}
    requests.post(proxy.url + "/v1/messages", json=body, headers=headers, timeout=20)
    script.write_text(script.read_text() + "\n# edited\n")
    until(lambda: proxy.log.count("Loading script") == 2)
    until(lambda: requests.get(proxy.url + "/readyz", timeout=5).ok)
    assert proxy.get("/stats")["total_requests"] == 0
    assert proxy.get("/stats")["budgets"][0]["spend_usd"] == 0.002
    requests.post(proxy.url + "/v1/messages", json=body, headers=headers, timeout=20)
    assert len(proxy.events()) == 2
