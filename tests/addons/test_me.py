"""Test /modeltrack/me: what the holder of a key is told, and what anybody else is."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http

from addons.callers.keys import new_key, sha256
from addons.core import Core
from addons.identity import Identity
from addons.routing import Routing
from addons.status import StatusPages

from .cores import answer, made, spend, started

ME = "/modeltrack/me"
KEYS = {name: new_key() for name in ("open", "full", "disabled", "ended", "unknown")}
FILES: dict[str, Any] = {
    "keys.json": {
        "keys": [
            {"id": "open-1", "sha256": sha256(KEYS["open"]), "team": "Product"},
            {
                "id": "full-1",
                "sha256": sha256(KEYS["full"]),
                "team": "research",
                "app": "bot",
                "user": "ada",
                "feature": "search",
                "customer_tier": "gold",
                "models": ["claude-*"],
                "providers": ["anthropic"],
                "expires": "2999-06-30",
                "credentials": {"anthropic": "env:SECRET_PLACE"},
                "note": "not for the holder",
            },
            {"id": "disabled-1", "sha256": sha256(KEYS["disabled"]), "team": "Product", "disabled": True},
            {"id": "ended-1", "sha256": sha256(KEYS["ended"]), "team": "Product", "expires": "2020-01-01"},
        ]
    },
    "budgets.json": {
        "budgets": [
            {"team": "product", "monthly_limit": 2, "action": "block"},
            {"team": "product", "app": "chat", "monthly_limit": 1, "action": "warn"},
            {"team": "research", "monthly_limit": 3, "action": "block"},
            {"team": "research", "app": "bot", "monthly_limit": 0.3, "action": "block"},
        ]
    },
}


@pytest.fixture
def core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Core]:
    with started(tmp_path, FILES) as core:
        monkeypatch.setattr(core, "now", lambda: datetime(2026, 11, 28, 12, tzinfo=UTC))
        core.ledger._now = core.now
        yield core


def asked(core: Core, key: str = "", method: str = "GET", path: str = ME, **headers: str) -> http.HTTPFlow:
    flow = made(path, method=method, **headers)
    if key:
        flow.request.headers["Authorization"] = f"Bearer {key}"
    return shown(core, flow)


def shown(core: Core, flow: http.HTTPFlow) -> http.HTTPFlow:
    status = StatusPages(core, lambda: (0, 0))
    for hook in (Identity(core, lambda _: None).requestheaders, Routing(core).requestheaders, status.request):
        hook(flow)
    assert flow.response and flow.response.headers.get("Cache-Control", "no-store") == "no-store"
    return flow


def test_a_key_is_told_what_it_is_for_and_what_its_budgets_have_left(core: Core) -> None:
    spend(core, 100_000_001, "research", "bot")
    core.ledger.reserve("research", "bot", 250_000_000, "a call")
    window = {"window_start": "2026-11-01T00:00:00Z", "starts_anew": "2026-12-01T00:00:00Z"}
    figures = {"spend_usd": 0.100000001, "reserved_usd": 0.25, "action": "block", **window}
    flow = asked(core, KEYS["full"])
    assert answer(flow) == {
        "key_id": "full-1",
        "team": "research",
        "app": "bot",
        "user": "ada",
        "feature": "search",
        "customer_tier": "gold",
        "models": ["claude-*"],
        "providers": ["anthropic"],
        "expires": "2999-06-30",
        "budgets": [
            {"team": "research", "app": "", "limit_usd": 3, "left_usd": 2.899999999, "percent": 3.33, **figures},
            {"team": "research", "app": "bot", "limit_usd": 0.3, "left_usd": 0.199999999, "percent": 33.33, **figures},
        ],
    }
    assert flow.response and b"0.100000001" in (flow.response.raw_content or b"")


def test_headers_fill_what_the_key_leaves_open(core: Core) -> None:
    bare, chat = answer(asked(core, KEYS["open"])), answer(asked(core, KEYS["open"], app="Chat", user="eve"))
    assert (bare["team"], bare["app"], bare["user"], bare["expires"], bare["models"]) == ("product", "", "", None, [])
    assert [budget["app"] for budget in bare["budgets"]] == [""]
    assert (chat["app"], chat["user"], [b["app"] for b in chat["budgets"]]) == ("chat", "eve", ["", "chat"])


@pytest.mark.parametrize("spent", [2, 3])
def test_what_is_left_is_never_below_nothing(core: Core, spent: int) -> None:
    spend(core, spent * 10**9, "product")
    [budget] = answer(asked(core, KEYS["open"]))["budgets"]
    assert (budget["left_usd"], budget["percent"]) == (0, spent * 50)


@pytest.mark.parametrize("name", ["team", "app", "user"])
def test_a_header_that_says_something_else_than_the_key_shows_nothing_of_another(core: Core, name: str) -> None:
    flow = asked(core, KEYS["full"], **{name: "product"})
    assert flow.response and flow.response.status_code == 403
    assert answer(flow)["error"]["type"] == "permission_error" and "budgets" not in answer(flow)


@pytest.mark.parametrize("callers", ["open", "known", "keys"])
@pytest.mark.parametrize("key", ["", *(KEYS[name] for name in ("disabled", "ended", "unknown"))], ids=range(4))
@pytest.mark.parametrize("team", ["product", "unheard-of", ""])
def test_nobody_else_is_told_anything(tmp_path: Path, callers: str, key: str, team: str) -> None:
    with started(tmp_path, FILES, callers=callers) as core:
        flow = asked(core, key, team=team)
        assert flow.response and flow.response.status_code == 401
        assert flow.response.headers["WWW-Authenticate"] == "Bearer"
        error = answer(flow)["error"]
        assert (error["type"], error["code"]) == ("authentication_error", "invalid_api_key")
        assert "product" not in str(answer(flow)) and (not key or key not in str(answer(flow)))


@pytest.mark.parametrize(
    "head",
    [
        {"X-ModelTrack-Key": KEYS["open"]},
        {"x-api-key": KEYS["open"]},
        {"api-key": KEYS["open"]},
        {"Authorization": f"bearer {KEYS['open']}"},
        {"Authorization": "Basic " + b64encode(f"x:{KEYS['open']}".encode()).decode()},
    ],
    ids=lambda head: next(iter(head)),
)
def test_the_key_may_be_in_any_of_its_places(core: Core, head: dict[str, str]) -> None:
    flow = made(ME, method="GET")
    flow.request.headers.update(head)
    assert answer(shown(core, flow))["key_id"] == "open-1"


def test_a_key_in_the_url_is_refused(core: Core) -> None:
    flow = asked(core, path=f"{ME}?key={KEYS['open']}")
    assert flow.response and flow.response.status_code == 400 and KEYS["open"] not in str(answer(flow))


def test_it_needs_no_status_token(tmp_path: Path) -> None:
    with started(tmp_path, FILES) as core:
        core.settings = replace(core.settings, status_token="t0ken-of-status")
        assert answer(asked(core, KEYS["open"]))["key_id"] == "open-1"
        assert asked(core, KEYS["open"], path="/stats").response.status_code == 401  # type: ignore[union-attr]


def test_it_answers_get_and_head_once_the_ledger_is_ready(core: Core) -> None:
    head = asked(core, KEYS["open"], "HEAD").response
    assert head and head.status_code == 200 and not head.content
    assert asked(core, KEYS["open"], "POST").response.status_code == 405  # type: ignore[union-attr]
    core.ready.clear()
    starting = asked(core, KEYS["open"]).response
    assert starting and (starting.status_code, starting.headers["Retry-After"]) == (503, "1")
