"""Fast dispatch in running proxies. tests/addons/engine/speed/test_dispatch.py compares it with what mitmproxy does."""

from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.e2e.calls import post
from tests.e2e.conftest import ROOT, SCRIPTS, Proxy, free_port, replace, until

BUDGETS = {"budgets": [{"team": "spent", "monthly_limit": 0.000001, "action": "block"}]}


@pytest.fixture(scope="module")
def beside(make_proxy: Callable[..., Proxy]) -> Proxy:
    """A proxy with another script in front of ModelTrack's."""
    proxy = make_proxy("-s", str(ROOT / "addons/main.py"), start=False, files={"budgets.json": BUDGETS})
    proxy.use("mitmdump", SCRIPTS / "switching.py")
    return proxy.start()


def test_it_is_switched_off_and_on_while_requests_come(beside: Proxy) -> None:
    seen = [post(beside, "switch", headers={"X-Switch": to}).headers["x-is-fast"] for to in ("on", "off", "off", "on")]
    assert seen == ["True", "False", "False", "True"]
    events = beside.events(team="switch")
    assert [(event["cost_usd"], event["status_code"]) for event in events] == [(0.006, 200)] * 4


@pytest.fixture(scope="module", params=[True, False], ids=["fast", "plain"])
def after_another(make_proxy: Callable[..., Proxy], request: pytest.FixtureRequest) -> Proxy:
    """A proxy whose other script, in front of ModelTrack's, fails, with and without fast dispatch."""
    is_fast = {"MODELTRACK_FAST_DISPATCH": str(request.param)}
    proxy = make_proxy("-s", str(ROOT / "addons/main.py"), start=False, files={"budgets.json": BUDGETS}, **is_fast)
    proxy.use("mitmdump", SCRIPTS / "failing.py")
    return proxy.start()


def test_a_script_that_fails_lets_no_request_past_the_budgets(after_another: Proxy) -> None:
    assert post(after_another, "spent").status_code == 200
    for hook in ("requestheaders", "request", "requestheaders request responseheaders response"):
        assert post(after_another, "spent", headers={"X-Fail": hook}).status_code == 429
    assert "the script before ModelTrack's has failed in requestheaders" in after_another.log
    assert [event.get("blocked_by") for event in after_another.events(team="spent")] == [None, *["budget"] * 3]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("hook", ["requestheaders", "request", "responseheaders", "response"])
def test_a_script_that_fails_costs_no_call_its_event(after_another: Proxy, hook: str, stream: bool) -> None:
    team = f"{hook}-{stream}"
    assert post(after_another, team, headers={"X-Fail": hook}, stream=stream).status_code == 200
    until(lambda: after_another.get("/stats")["in_flight"] == 0)
    assert [event["cost_usd"] for event in after_another.events(team=team)] == [0.006]
    assert after_another.get("/stats")["reserved_usd"] == 0


def test_a_hook_that_is_no_function_costs_no_call_its_event(after_another: Proxy) -> None:
    """The provider hangs up, so that the hook `error` comes."""
    assert post(after_another, "gone", fake="hangup=0").status_code == 502
    assert [event["status_code"] for event in after_another.events(team="gone")] == [502]
    assert after_another.get("/stats")["reserved_usd"] == 0


@pytest.mark.parametrize("how", ["option", "variable"])
def test_it_may_be_off_from_the_start(make_proxy: Callable[..., Proxy], how: str) -> None:
    args = ["--set", "modeltrack_fast_dispatch=false"] if how == "option" else []
    env = {"MODELTRACK_FAST_DISPATCH": "0"} if how == "variable" else {}
    proxy = make_proxy("-s", str(ROOT / "addons/main.py"), *args, start=False, **env)
    proxy.use("mitmdump", SCRIPTS / "switching.py")
    headers = post(proxy.start(), "off").headers
    assert (headers["x-is-fast"], headers["x-layer"]) == ("False", "ReverseProxy")


def test_it_is_there_again_when_the_script_is_loaded_again(make_proxy: Callable[..., Proxy], tmp_path: Path) -> None:
    script = tmp_path / "main.py"
    script.write_text((ROOT / "addons/main.py").read_text())
    proxy = make_proxy("-s", str(SCRIPTS / "switching.py"), start=False, PYTHONPATH=str(ROOT))
    proxy.use("mitmdump", script)
    assert post(proxy.start(), "a").headers["x-is-fast"] == "True"
    replace(script, script.read_text() + "\n# edited\n")
    until(lambda: proxy.log.count("Loading script") == 3)
    proxy.ready()
    headers = post(proxy, "a").headers
    assert (headers["x-is-fast"], headers["x-layer"]) == ("True", "FastLayer")
    assert len(proxy.events(team="a")) == 2


def test_mitmwebs_view_has_the_flows_and_its_options_switch_it(make_proxy: Callable[..., Proxy]) -> None:
    port = free_port()
    args = ["--set", "web_open_browser=false", "--set", f"web_port={port}", "--set", "web_password=word"]
    proxy = make_proxy(*args, "-s", str(ROOT / "addons/main.py"), start=False)
    proxy.use("mitmweb", SCRIPTS / "switching.py")
    proxy.start()
    url = f"http://127.0.0.1:{port}"
    until(lambda: f"Web server listening at {url}" in proxy.log)
    with requests.Session() as page:
        page.get(url, params={"token": "word"}, timeout=10).raise_for_status()
        page.cookies.set("_mitmproxy_xsrf", "same")
        page.headers["X-XSRFToken"] = "same"
        assert post(proxy, "web").headers["x-is-fast"] == "True"
        page.put(f"{url}/options", json={"modeltrack_fast_dispatch": False}, timeout=10).raise_for_status()
        assert post(proxy, "web").headers["x-is-fast"] == "False"
        flows = page.get(f"{url}/flows", timeout=10).json()
    assert [flow["response"]["status_code"] for flow in flows] == [200, 200]
