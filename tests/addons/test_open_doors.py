"""Test the line that says at the start what is open to whom."""

from dataclasses import replace
from pathlib import Path

import pytest

from addons.open_doors import open_doors
from addons.settings.fields import Settings

from .cores import settings

TOKEN = "s3cr3t-f00-token"
HERE = [("127.0.0.1", 8080)]


@pytest.fixture
def made(tmp_path: Path) -> Settings:
    return settings(tmp_path)


def test_it_is_one_line_with_each_setting_that_closes_a_door(made: Settings) -> None:
    line = open_doors(made, HERE)
    assert "\n" not in line
    assert line.startswith("open to this machine on 127.0.0.1:8080 (--listen-host); ")
    assert "status pages: for everybody (STATUS_TOKEN)" in line
    assert "web pages: only its own origin's (ALLOWED_ORIGINS)" in line
    assert "tunnels to other hosts: from this machine (TUNNEL_OTHER_HOSTS)" in line


def test_a_token_is_named_and_not_shown(made: Settings) -> None:
    line = open_doors(replace(made, status_token=TOKEN), HERE)
    assert "status pages: with the token (STATUS_TOKEN)" in line and TOKEN not in line


def test_allowed_origins_are_shown(tmp_path: Path) -> None:
    line = open_doors(settings(tmp_path, allowed_origins="https://a.b, https://c.d", tunnel_other_hosts="all"), HERE)
    assert "web pages: also of https://a.b, https://c.d (ALLOWED_ORIGINS)" in line
    assert "tunnels to other hosts: from everybody (TUNNEL_OTHER_HOSTS)" in line


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ([("::1", 1), ("127.0.0.1", 1)], "open to this machine on [::1]:1, 127.0.0.1:1 ("),
        ([("0.0.0.0", 8080)], "open to the network on 0.0.0.0:8080 ("),
        ([("::", 8080), ("127.0.0.1", 8080)], "open to the network on [::]:8080, 127.0.0.1:8080 ("),
        ([], "listens nowhere; "),
    ],
)
def test_it_says_where_the_proxy_listens(made: Settings, addresses: list[tuple[str, int]], expected: str) -> None:
    assert open_doors(made, addresses).startswith(expected)
