"""The list of mitmproxy's options beside the mitmproxy that is installed, and beside the page that documents it."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from addons.engine.options import HANDLED, HARMLESS, REFUSED, problem
from tests.documents import names, rows, section

LISTED = [*REFUSED, *HANDLED, *" ".join(HARMLESS.values()).split()]
PAGE = "mitmproxy-options.md"


@pytest.mark.parametrize("program", ["mitmdump", "mitmweb", "mitmproxy"])
def test_every_option_of_mitmproxys_programs_is_listed(program: str) -> None:
    path = Path(sys.executable).with_name(program)
    printed = subprocess.run([path, "--options"], capture_output=True, text=True, check=True, timeout=60).stdout
    found = set(re.findall(r"^(\w+):", printed, re.MULTILINE))
    assert "stream_large_bodies" in found and found - set(LISTED) == set()


def test_no_option_is_listed_twice() -> None:
    assert sorted(LISTED) == sorted(set(LISTED))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stream_large_bodies", "1m"),
        ("stream_large_bodies", "0"),
        ("ignore_hosts", ["openai"]),
        ("allow_hosts", ["."]),
        ("tcp_hosts", ["."]),
        ("body_size_limit", None),
        ("body_size_limit", ""),
        ("connection_strategy", "eager"),
        ("http2", True),
        ("websocket", False),
        ("validate_inbound_headers", False),
        ("mode", ["socks5"]),
        ("mode", ["regular", "transparent"]),
        ("mode", ["upstream:http://proxy:3128"]),
        ("mode", ["reverse:tcp://api.openai.com:443"]),
        ("mode", ["reverse:tls://api.openai.com:443"]),
        ("mode", ["reverse:http3://api.openai.com"]),
        ("mode", ["local"]),
        ("mode", ["wireguard"]),
        ("mode", ["dns"]),
        ("modify_body", ["/a/b"]),
        ("modify_body", ["|~q|a|b", "|~s|a|b"]),
        ("modify_body", [":~q | ~s:a:b"]),
        ("modify_body", ["|!~q|a|b"]),
        ("proxyauth", "any"),
        ("proxy_debug", True),
        ("hardump", "all.har"),
    ],
)
def test_a_value_that_would_break_a_promise_is_named_with_the_promise(name: str, value: Any) -> None:
    found = problem({"flow_detail": 0, name: value})
    assert found.startswith(f"{name}=") and f" would {REFUSED[name].promise}, so it is refused: " in found
    assert "\n" not in found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stream_large_bodies", None),
        ("ignore_hosts", []),
        ("body_size_limit", "512m"),
        ("connection_strategy", "lazy"),
        ("mode", ["reverse:http://modeltrack.invalid"]),
        ("mode", ["reverse:https://a.example@127.0.0.1:8443", "regular@8081"]),
        ("mode", ["no such mode"]),  # mitmproxy says so itself
        ("modify_body", ["|~q|a|b", "|~q & ~u messages|a|b"]),
        ("modify_body", [":"]),
        ("modify_body", []),
        ("websocket", True),
        ("map_local", ["|a|b"]),
    ],
)
def test_other_values_are_let_through(name: str, value: Any) -> None:
    assert problem({name: value}) == ""


def test_a_long_value_is_cut() -> None:
    assert len(problem({"ignore_hosts": ["x" * 1000]})) < 400


def test_the_page_has_every_option_with_what_comes_of_it() -> None:
    refused = {names(row[0])[0]: (row[2], row[3]) for row in rows(section(PAGE, "Refused"))}
    assert refused == {name: (each.promise, each.instead) for name, each in REFUSED.items()}
    assert {names(row[0])[0]: row[1] for row in rows(section(PAGE, "Handled"))} == HANDLED
    assert {row[0]: names(row[1]) for row in rows(section(PAGE, "Harmless"))} == {
        about: listed.split() for about, listed in HARMLESS.items()
    }
