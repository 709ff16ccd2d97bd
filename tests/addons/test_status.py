"""Test StatusPages as an addon: what the proxy says about itself, to whom, and in which form."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import taddons

from addons.core import Core
from addons.routing import Routing
from addons.status import StatusPages

from .cores import answer, made, spend, started

TOKEN = "s3cr3t-f00-token"
FILES = {"budgets.json": {"budgets": [{"team": "t", "monthly_limit": 2, "action": "block"}]}}
PAGES = ["/healthz", "/readyz", "/stats", "/cache/stats", "/routing/stats", "/metrics"]


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with started(tmp_path, FILES) as core:
        yield core


@pytest.fixture
def status(core: Core) -> Iterator[StatusPages]:
    status = StatusPages(core, lambda: (3, 400))
    with taddons.context(status):
        yield status


def shown(core: Core, status: StatusPages, path: str, method: str = "GET", authorization: str = "") -> http.Response:
    flow = made(path, method=method)
    if authorization:
        flow.request.headers["Authorization"] = authorization
    Routing(core).requestheaders(flow)
    status.request(flow)
    assert flow.response
    return flow.response


@pytest.mark.parametrize("path", PAGES)
def test_a_page_answers_get_and_head_and_is_not_kept(core: Core, status: StatusPages, path: str) -> None:
    page, head = shown(core, status, path), shown(core, status, path, "HEAD")
    assert page.status_code == head.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    assert page.content and not head.content


@pytest.mark.parametrize("path", PAGES)
def test_another_method_is_a_405_that_names_those_it_takes(core: Core, status: StatusPages, path: str) -> None:
    refused = shown(core, status, path, "POST")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")


def test_readyz_is_503_until_the_ledger_is_ready(core: Core, status: StatusPages) -> None:
    core.ready.clear()
    assert shown(core, status, "/readyz").status_code == 503
    assert shown(core, status, "/healthz").status_code == 200


def test_stats_show_each_budget_and_what_is_reserved(core: Core, status: StatusPages) -> None:
    spend(core, 500_000_000)
    core.ledger.reserve("t", "", 250_000_000, "a call")
    flow = made("/stats", method="GET")
    Routing(core).requestheaders(flow)
    status.request(flow)
    found = answer(flow)
    [budget] = found["budgets"]
    assert budget == {
        "team": "t",
        "app": "",
        "action": "block",
        "monthly_limit_usd": 2,
        "spend_usd": 0.5,
        "reserved_usd": 0.25,
        "percent": 25,
    }
    assert found["reserved_usd"] == 0.25


def test_metrics_are_in_the_format_of_prometheus(core: Core, status: StatusPages) -> None:
    spend(core, 500_000_000)
    page = shown(core, status, "/metrics")
    assert page.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'modeltrack_budget_spend_usd{app="",team="t"} 0.5' in (page.text or "")
    assert "modeltrack_cache_entries 3.0" in (page.text or "")


def test_a_request_that_is_no_status_page_is_left_alone(core: Core, status: StatusPages) -> None:
    flow = made()
    Routing(core).requestheaders(flow)
    status.request(flow)
    assert flow.response is None


def test_a_page_that_cannot_be_made_is_a_500(core: Core, status: StatusPages, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(core.ledger, "all_standings", fail)
    assert shown(core, status, "/stats").status_code == 500


@pytest.mark.parametrize("path", PAGES)
def test_with_a_token_set_only_health_needs_none(core: Core, status: StatusPages, path: str) -> None:
    core.settings = replace(core.settings, status_token=TOKEN)
    is_open = path in ("/healthz", "/readyz")
    for spelling in (path, path + "/", path.replace("s", "%73")):
        for method in ("GET", "HEAD", "POST"):
            for wrong in ("", TOKEN, f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer \xe9"):
                found = shown(core, status, spelling, method, wrong)
                assert (found.status_code == 401) is not is_open
                assert TOKEN not in str(found.headers) + (found.text or "")
    assert shown(core, status, path, authorization=f"Bearer {TOKEN}").status_code == 200
    if not is_open:
        refused = shown(core, status, path)
        assert refused.headers["WWW-Authenticate"] == "Bearer"
        assert refused.json()["error"]["type"] == "authentication_error"
