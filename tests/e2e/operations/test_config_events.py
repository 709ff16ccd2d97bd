"""Test what is noted of changes in data/ where two proxies, the command and people's editors work on one folder."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import requests

from addons.callers.keys import KEY
from addons.ledger.config_events.whom import this_user
from tests import ROOT
from tests.e2e.calls import post
from tests.e2e.conftest import Proxy, until

Start = Callable[..., Proxy]


def budgets(limit: float) -> dict[str, Any]:
    return {"budgets": [{"team": "t", "monthly_limit": limit, "action": "block"}]}


def command(proxy: Proxy, *arguments: str) -> str:
    """Run `modeltrack keys` on the proxy's folder, and return what it prints."""
    whole = [sys.executable, "-m", "modeltrack_api.cli", "keys", *arguments, "--data-dir", str(proxy.data)]
    return subprocess.run(whole, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True).stdout


def lines(proxy: Proxy) -> list[dict[str, Any]]:
    path = proxy.data / "config_events.jsonl"
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def noted(proxy: Proxy, file: str) -> list[str]:
    return [line["kind"] for line in lines(proxy) if line["file"] == file]


def budget_is(proxy: Proxy, limit: float) -> bool:
    found = proxy.get("/stats")["budgets"]
    return bool(found) and found[0]["monthly_limit_usd"] == limit


def change(pair: tuple[Proxy, Proxy], *limits: float) -> None:
    """Change the budget's limit, and wait each time until both proxies have it in force.

    A proxy writes what there is to note before it looks again: so what came before the last of two is noted then.
    """
    for limit in limits:
        pair[0].write("budgets.json", budgets(limit))
        until(lambda limit=limit: all(budget_is(proxy, limit) for proxy in pair))


@pytest.fixture(scope="module")
def pair(make_proxy: Start) -> tuple[Proxy, Proxy]:
    one = make_proxy(files={"budgets.json": budgets(1)})
    return one, make_proxy(DATA_DIR=str(one.data))


def test_each_change_is_noted_once(pair: tuple[Proxy, Proxy]) -> None:
    until(lambda: noted(pair[0], "budgets.json") == ["first"])
    change(pair, 2, 3, 4, 5)
    found = [line for line in lines(pair[0]) if line["file"] == "budgets.json"][:4]
    assert [line["kind"] for line in found] == ["first", "change", "change", "change"]
    assert [line["changes"][0]["new"]["monthly_limit"] for line in found[1:]] == [2, 3, 4]
    assert [line["new_sha256"] for line in found][:-1] == [line["old_sha256"] for line in found][1:]
    assert {(line["by"], line["by_source"]) for line in found} == {(this_user(), "file_owner")}


def test_the_commands_changes_are_in_force_and_noted_once_as_its_users(pair: tuple[Proxy, Proxy]) -> None:
    text = command(pair[0], "new", "--team", "t")
    command(pair[0], "rotate", "t-1", "--quiet")
    command(pair[0], "disable", "t-1")
    change(pair, 6, 7)
    found = [line for line in lines(pair[0]) if line["file"] == "keys.json"]
    assert [(line["kind"], line["by"], line["by_source"]) for line in found] == [("change", this_user(), "command")] * 3
    assert all(proxy.get("/stats")["config_errors"] == [] for proxy in pair)
    [key] = KEY.findall(text)
    written = [path for proxy in pair for path in [*proxy.data.iterdir(), proxy.output] if path.is_file()]
    assert len(written) > 5 and not any(key.encode() in path.read_bytes() for path in written)


def test_a_change_while_none_ran_is_found_at_the_next_start(make_proxy: Start) -> None:
    proxy = make_proxy(files={"budgets.json": budgets(1)})
    until(lambda: noted(proxy, "budgets.json") == ["first"])
    proxy.stop()
    proxy.write("budgets.json", budgets(2))
    proxy.start()
    until(lambda: noted(proxy, "budgets.json") == ["first", "found"])


def test_a_log_that_cannot_be_written_holds_nothing_up(make_proxy: Start) -> None:
    proxy = make_proxy(files={"budgets.json": budgets(1)}, start=False)
    (proxy.data / "config_events.jsonl").mkdir()
    proxy.start().ready()
    for limit in (2, 3):
        proxy.write("budgets.json", budgets(limit))
        until(lambda limit=limit: budget_is(proxy, limit))
    answer: requests.Response = post(proxy)
    assert answer.status_code == 200
    until(lambda: "config_events.jsonl cannot be written" in proxy.log)
    assert proxy.log.count("config_events.jsonl") == 1
    (proxy.data / "config_events.jsonl").rmdir()
    until(lambda: noted(proxy, "budgets.json") == ["first", "change", "change"])
