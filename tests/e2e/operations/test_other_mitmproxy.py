"""ModelTrack in a mitmproxy that is not, or may not be, the one that it was made for."""

import re
from collections.abc import Callable

import pytest
from mitmproxy.version import VERSION

from addons.engine.touchpoints.releases import RELEASES
from tests.e2e.calls import post
from tests.e2e.conftest import ROOT, SCRIPTS, Proxy

START = Callable[..., Proxy]
MADE_FOR = f"was made for mitmproxy {', '.join(RELEASES)}; with this {VERSION} something differs, so"


def changed(make_proxy: START, change: str, program: str = "mitmdump", *args: str) -> Proxy:
    proxy = make_proxy(*args, "-s", str(ROOT / "addons/main.py"), start=False, CHANGE=change)
    proxy.use(program, SCRIPTS / "changing.py")
    return proxy


@pytest.mark.parametrize(
    ("fix", "program"),
    [
        ("chunks", "mitmdump"),
        ("JSON errors", "mitmdump"),
        ("WebSocket layer", "mitmweb"),
        ("absent clients", "mitmdump"),
        ("errors of scripts", "mitmdump"),
        ("heads", "mitmdump"),
        ("upstreams", "mitmdump"),
        ("client connections", "mitmdump"),
    ],
)
def test_a_fix_that_does_not_fit_ends_the_start_in_one_line(make_proxy: START, fix: str, program: str) -> None:
    page = ["--set", "web_open_browser=false", "--set", "web_port=0"] if program == "mitmweb" else []
    proxy = changed(make_proxy, fix, program, *page)
    assert proxy.spawn().wait(60) == 1
    lines = [line for line in proxy.log.splitlines() if "the fix" in line]
    assert len(lines) == 1 and f"the fix '{fix}' {MADE_FOR} the proxy does not start: mitmproxy." in lines[0]
    assert re.search(r" has fingerprint \w{16}, expected \w{16} \(12\.2\.3, 12\.3\.1\)", lines[0])
    assert "listening" not in proxy.log.replace("Web server listening", "") and "Traceback" not in proxy.log


@pytest.mark.parametrize(
    ("speed_up", "is_fast", "layer"),
    [
        ("dispatch", "False", "ReverseProxy"),
        ("connections", "True", "ReverseProxy"),
    ],
)
def test_a_speed_up_that_does_not_fit_stays_away_in_one_line(
    make_proxy: START, speed_up: str, is_fast: str, layer: str
) -> None:
    proxy = changed(make_proxy, speed_up, "mitmdump", "-s", str(SCRIPTS / "switching.py"))
    answer = post(proxy.start(), speed_up)
    assert answer.status_code == 200
    assert (answer.headers["x-is-fast"], answer.headers["x-layer"]) == (is_fast, layer)
    [line] = [line for line in proxy.log.splitlines() if "was made for" in line]
    assert f"modeltrack_fast_dispatch {MADE_FOR} these speed-ups are off: {speed_up} (mitmproxy." in line
    assert [event["cost_usd"] for event in proxy.events(team=speed_up)] == [0.006]


def test_a_release_that_nobody_has_tried_has_everything_in_force(make_proxy: START) -> None:
    proxy = changed(make_proxy, "12.99.0", "mitmdump", "-s", str(SCRIPTS / "switching.py"))
    answer = post(proxy.start(), "new")
    assert (answer.headers["x-is-fast"], answer.headers["x-layer"]) == ("True", "FastLayer")
    assert "was made for" not in proxy.log
