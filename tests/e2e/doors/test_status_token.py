"""Test STATUS_TOKEN on real processes: who needs it, and that nothing shows it."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.e2e.calls import post
from tests.e2e.conftest import SECRET, Proxy, until
from tests.e2e.live.web import Web

TOKEN = f"{SECRET}-status-token"
GUARDED = ["/stats", "/cache/stats", "/routing/stats", "/metrics"]
Start = Callable[..., Proxy]


def get(proxy: Proxy, path: str, authorization: str = "") -> requests.Response:
    return requests.get(proxy.url + path, headers={"Authorization": authorization} if authorization else {}, timeout=60)


@pytest.fixture(scope="module")
def proxy(make_proxy: Start, tmp_path_factory: pytest.TempPathFactory) -> Proxy:
    file = tmp_path_factory.mktemp("secrets") / "token"
    file.write_text(TOKEN + "\n")
    return make_proxy(STATUS_TOKEN_FILE=str(file), LOG_LEVEL="debug").ready()


@pytest.mark.parametrize("path", GUARDED)
def test_the_pages_that_tell_of_calls_need_the_token(proxy: Proxy, path: str) -> None:
    refused = get(proxy, path)
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert refused.json()["error"]["type"] == "authentication_error"
    assert get(proxy, path, f"Bearer {TOKEN}x").status_code == 401
    assert get(proxy, path, f"Bearer {TOKEN}").status_code == 200


def test_health_and_calls_need_none(proxy: Proxy) -> None:
    assert [get(proxy, path).status_code for path in ("/healthz", "/readyz")] == [200, 200]
    assert post(proxy).status_code == 200


def test_the_log_does_not_show_it_at_any_level(proxy: Proxy) -> None:
    get(proxy, "/stats", f"Bearer {TOKEN}")
    assert "status pages: with the token (STATUS_TOKEN)" in proxy.log
    assert TOKEN not in proxy.log


def test_a_change_of_another_setting_keeps_it(make_proxy: Start) -> None:
    """mitmweb changes options while it runs; the settings are then made anew."""
    web = Web(make_proxy, STATUS_TOKEN=TOKEN)
    web.ask("/options", "PUT", json={"modeltrack_cache_ttl_seconds": 7})
    assert get(web.proxy, "/cache/stats").status_code == 401
    assert get(web.proxy, "/cache/stats", f"Bearer {TOKEN}").json()["ttl_seconds"] == 7
    shown = web.ask("/options", "GET").text + web.ask("/state", "GET").text
    assert "modeltrack_cache_ttl_seconds" in shown and TOKEN not in shown


def test_mitmdumps_list_of_options_does_not_have_it(make_proxy: Start) -> None:
    proxy = make_proxy("--options", start=False, STATUS_TOKEN=TOKEN)
    assert proxy.spawn().wait(60) == 0
    assert "modeltrack_allowed_origins" in proxy.log
    assert "status_token" not in proxy.log and TOKEN not in proxy.log


@pytest.mark.parametrize("how", ["command line", "config.yaml"])
def test_as_an_option_it_stops_the_start(make_proxy: Start, how: str) -> None:
    args = ["--set", f"modeltrack_status_token={TOKEN}"] if how == "command line" else []
    proxy = make_proxy(*args, start=False)
    if how == "config.yaml":
        proxy.confdir.mkdir()
        (proxy.confdir / "config.yaml").write_text("modeltrack_status_token: a-token-of-its-own\n")
    assert proxy.spawn().wait(60) == 1
    [line] = [line for line in proxy.log.splitlines() if "modeltrack_status_token" in line]
    assert "set by STATUS_TOKEN or STATUS_TOKEN_FILE in the environment" in line
    assert TOKEN not in proxy.log and "Traceback" not in proxy.log
    if how == "config.yaml":
        (proxy.confdir / "config.yaml").unlink()


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"STATUS_TOKEN": "short"}, "STATUS_TOKEN: '***' is not allowed: must be at least 8 characters"),
        ({"STATUS_TOKEN_FILE": "/nowhere/token"}, "STATUS_TOKEN_FILE: '/nowhere/token' is not allowed"),
        ({"STATUS_TOKEN": TOKEN, "STATUS_TOKEN_FILE": "/etc/hostname"}, "must be empty where STATUS_TOKEN is set"),
    ],
    ids=["too short", "no file", "both"],
)
def test_a_bad_one_stops_the_start_with_one_line(make_proxy: Start, env: dict[str, str], says: str) -> None:
    proxy = make_proxy(start=False, **env)
    assert proxy.spawn().wait(60) == 1
    assert len([line for line in proxy.log.splitlines() if says in line]) == 1
    assert "Traceback" not in proxy.log and TOKEN not in proxy.log


def test_at_the_start_one_line_says_what_is_open_to_whom(make_proxy: Start) -> None:
    proxy = make_proxy(TUNNEL_OTHER_HOSTS="none", ALLOWED_ORIGINS="https://app.example.com")
    [line] = until(lambda: re.findall(r"^.*open to .*$", proxy.log, re.MULTILINE))
    port = proxy.url.rpartition(":")[2]
    for part in (
        f"open to this machine on 127.0.0.1:{port} (--listen-host); ",
        "status pages: for everybody (STATUS_TOKEN)",
        "web pages: also of https://app.example.com (ALLOWED_ORIGINS)",
        "tunnels to other hosts: none (TUNNEL_OTHER_HOSTS)",
    ):
        assert part in line


def test_a_proxy_on_all_addresses_says_so(make_proxy: Start) -> None:
    proxy = make_proxy("--listen-host", "0.0.0.0", start=False)
    proxy.spawn()
    line = until(lambda: re.search(r"open to the network on 0\.0\.0\.0:\d+ \(--listen-host\)", proxy.log))
    assert line and os.path.exists(Path(proxy.data))
