"""Options of mitmproxy that would break a promise, given to real processes."""

from collections.abc import Callable

import pytest
import requests

from tests.e2e.calls import post
from tests.e2e.conftest import Proxy, free_port, until

BUDGETS = {"budgets": [{"team": "spent", "monthly_limit": 0.000001, "action": "block"}]}


@pytest.mark.parametrize("where", ["--set", "config.yaml"])
def test_it_ends_the_start_with_one_line(make_proxy: Callable[..., Proxy], where: str) -> None:
    given = ["--set", "stream_large_bodies=1k"] if where == "--set" else []
    proxy = make_proxy(*given, start=False)
    if where == "config.yaml":
        proxy.confdir.mkdir()
        (proxy.confdir / "config.yaml").write_text("stream_large_bodies: 1k\n")
    assert proxy.spawn().wait(60) == 1
    [line] = [line for line in proxy.log.splitlines() if "stream_large_bodies" in line]
    assert "stream_large_bodies=1k would send a body before its budget is asked" in line
    assert "listening" not in proxy.log and "Traceback" not in proxy.log


def test_it_is_refused_while_the_proxy_runs_and_the_budget_holds(make_proxy: Callable[..., Proxy]) -> None:
    port = free_port()
    args = ["--set", "web_open_browser=false", "--set", f"web_port={port}", "--set", "web_password=word"]
    proxy = make_proxy(*args, start=False, files={"budgets.json": BUDGETS})
    proxy.use("mitmweb")
    proxy.start()
    url = f"http://127.0.0.1:{port}"
    until(lambda: f"Web server listening at {url}" in proxy.log)
    assert post(proxy, "spent").status_code == 200
    with requests.Session() as page:
        page.get(url, params={"token": "word"}, timeout=10).raise_for_status()
        page.cookies.set("_mitmproxy_xsrf", "same")
        page.headers["X-XSRFToken"] = "same"
        for name, value in {"stream_large_bodies": "1k", "ignore_hosts": ["."], "websocket": False}.items():
            answer = page.put(f"{url}/options", json={name: value}, timeout=10)
            assert answer.status_code == 400 and f"{name}=" in answer.text and "so it is refused" in answer.text
        options = page.get(f"{url}/options", timeout=10).json()
        assert (options["stream_large_bodies"]["value"], options["ignore_hosts"]["value"]) == (None, [])
        page.put(f"{url}/options", json={"anticache": True}, timeout=10).raise_for_status()
    messages = [{"role": "user", "content": "x" * 10_000}]
    assert post(proxy, "spent", messages=messages).status_code == 429
    assert [event.get("blocked_by") for event in proxy.events(team="spent")] == [None, "budget"]
