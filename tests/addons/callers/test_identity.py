"""Test that Identity takes keys out of requests, and closes what a key has opened that is valid no more."""

import asyncio
import logging
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import taddons, tflow

from addons import identity
from addons.callers.keys import digest_of, sha256
from addons.callers.presented import NOTHING, Presented
from addons.core import Core, Tunnel
from addons.flow.attached import shown_by
from addons.identity import Identity
from tests.addons.cores import answer, made, started

KEY, OTHER = f"mt-{'k' * 43}", f"mt-{'o' * 43}"  # the names of tests have them
ENCODED = b64encode(KEY.encode()).decode()
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
ENTRY: dict[str, Any] = {"id": "one", "sha256": sha256(KEY), "team": "t"}


@pytest.fixture
def core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Core]:
    entry = ENTRY | {"expires": (NOW + timedelta(seconds=1)).isoformat()}
    with started(tmp_path, {"keys.json": {"keys": [entry]}}) as core:
        monkeypatch.setattr(core, "now", lambda: NOW)
        yield core


@pytest.fixture
def revoked() -> list[str]:
    return []


@pytest.fixture
def addon(core: Core, revoked: list[str]) -> Iterator[Identity]:
    addon = Identity(core, revoked.append)
    with taddons.context(addon):
        yield addon


def with_headers(*fields: tuple[str, str], path: str = "/v1/messages") -> http.HTTPFlow:
    flow = made(path)
    for name, value in fields:
        flow.request.headers.add(name, value)
    return flow


@pytest.mark.parametrize(
    "field", [("Authorization", f"Bearer {KEY}"), ("x-api-key", KEY), ("api-key", KEY), ("X-ModelTrack-Key", KEY)]
)
def test_a_key_is_taken_out_and_its_digest_is_kept(addon: Identity, field: tuple[str, str]) -> None:
    flow = with_headers(("Anthropic-Beta", "x"), field, ("Accept", "*/*"))
    addon.requestheaders(flow)
    assert flow.response is None
    assert shown_by(flow).digest == digest_of(KEY)
    assert list(flow.request.headers) == ["Host", "Anthropic-Beta", "Accept"]
    assert KEY not in str(flow.get_state())


def test_every_header_of_the_name_goes_with_it(addon: Identity) -> None:
    flow = with_headers(("Authorization", f"Bearer {KEY}"), ("authorization", "Bearer sk-mine"))
    addon.requestheaders(flow)
    assert "authorization" not in flow.request.headers


def test_a_request_without_a_key_is_left_alone(addon: Identity) -> None:
    flow = with_headers(("Authorization", "Bearer sk-mine"))
    before = flow.request.headers.fields
    addon.requestheaders(flow)
    assert flow.request.headers.fields is before and shown_by(flow) is NOTHING


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ([("Cookie", f"k={KEY}"), ("x-api-key", KEY)], "/v1/messages"),
        ([("X-Foo", KEY), ("X-Bar", f"x {KEY}")], "/v1/messages"),
        ([("x-api-key", KEY)], f"/v1/messages?key={KEY}&again={KEY}"),
        ([], f"/v1/messages?key={KEY.replace('-', '%2D', 1)}"),
        ([("Authorization", f"Bearer {KEY}"), ("X-ModelTrack-Key", OTHER)], "/v1/messages"),
        ([("Authorization", f"Basic {ENCODED}"), ("X-ModelTrack-Key", OTHER)], "/v1/messages"),
        ([("X-Foo", KEY), ("x-api-key", KEY + "x")], "/v1/messages"),
    ],
)
def test_a_refused_request_has_its_keys_masked_for_all_who_see_the_flow(
    addon: Identity, fields: list[tuple[str, str]], path: str
) -> None:
    flow = with_headers(*fields, path=path)
    addon.requestheaders(flow)
    assert flow.response and flow.response.status_code == 400
    error = answer(flow)["error"]
    assert error["type"] == "invalid_request_error" and flow.response.headers["x-should-retry"] == "false"
    state = str(flow.get_state())
    assert KEY[4:] not in state and ENCODED not in state


def test_credentials_of_the_providers_host_stay_in_a_tunnel(addon: Identity, core: Core) -> None:
    flow = with_headers(("Authorization", "Basic dTpw"))
    core.tunnels[flow.client_conn.id] = Tunnel((), NOTHING)
    addon.requestheaders(flow)
    assert flow.request.headers["Authorization"] == "Basic dTpw" and shown_by(flow) is NOTHING
    other = with_headers(("Authorization", "Basic dTpw"))
    addon.requestheaders(other)
    assert shown_by(other) == Presented(None, "u", "p", frozenset({b"authorization"}))
    assert "Authorization" not in other.request.headers


def test_what_is_read_from_a_file_is_not_looked_at(addon: Identity) -> None:
    flow = with_headers(("x-api-key", KEY))
    flow.live = False
    addon.requestheaders(flow)
    assert "x-api-key" in flow.request.headers


@pytest.mark.parametrize("kind", ["replay", "not serving"])
def test_a_key_is_taken_out_of_a_replay_too_and_where_nothing_is_served(addon: Identity, core: Core, kind: str) -> None:
    flow = with_headers(("x-api-key", KEY))
    flow.is_replay = "request" if kind == "replay" else None
    core.failure = "no folder" if kind == "not serving" else ""
    addon.requestheaders(flow)
    assert "x-api-key" not in flow.request.headers and shown_by(flow).digest == digest_of(KEY)


def test_a_replay_shows_what_it_has_now(addon: Identity) -> None:
    flow = with_headers(("x-api-key", KEY))
    addon.requestheaders(flow)
    flow.is_replay = "request"
    addon.requestheaders(flow)
    assert shown_by(flow) is NOTHING


def test_after_a_fault_the_request_goes_no_further(addon: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Presented:
        raise RuntimeError(KEY)

    monkeypatch.setattr(identity, "presented", fail)
    flow = with_headers(("x-api-key", KEY))
    addon.requestheaders(flow)
    assert flow.response and flow.response.status_code == 500


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    closed: list[str] = []
    monkeypatch.setattr(identity, "_close", closed.append)
    monkeypatch.setattr(identity, "_CLOSE_SECONDS", 0)
    return closed


async def look(core: Core) -> None:
    """Do what the core does twice a second, and let what it has planned happen."""
    for each in core.on_tick:
        each()
    done = asyncio.Event()
    asyncio.get_running_loop().call_later(0, done.set)
    await done.wait()


async def test_what_a_key_has_opened_is_closed_when_the_key_ends(
    addon: Identity, core: Core, closed: list[str], revoked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    core.opened_by = {"a": frozenset({digest_of(KEY)}), "b": frozenset({digest_of(KEY)})}
    await look(core)
    assert (closed, revoked) == ([], [])
    monkeypatch.setattr(core, "now", lambda: NOW + timedelta(seconds=1))
    await look(core)
    await look(core)
    assert sorted(closed) == sorted(revoked) == ["a", "b"] and core.opened_by == {}


@pytest.mark.parametrize("entries", [[], [ENTRY | {"disabled": True}]], ids=["deleted", "disabled"])
async def test_and_when_it_is_taken_out_of_the_file(
    addon: Identity, core: Core, closed: list[str], revoked: list[str], entries: list[Any]
) -> None:
    core.opened_by = {"a": frozenset({digest_of(KEY)})}
    core.keys.value = core.keys.value.model_validate({"keys": entries})
    await look(core)
    assert closed == revoked == ["a"]


async def test_a_fault_in_one_look_is_logged_without_what_it_says(
    core: Core, closed: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: str) -> None:
        raise RuntimeError(KEY)

    core.on_tick.clear()
    Identity(core, fail)
    core.opened_by = {"a": frozenset({digest_of("mt-unknown")})}
    caplog.set_level(logging.ERROR)
    await look(core)
    assert "connections of revoked keys could not be closed: RuntimeError" in caplog.text and KEY not in caplog.text


def test_a_connection_that_ends_is_forgotten(addon: Identity, core: Core) -> None:
    client = tflow.tclient_conn()
    core.remember_opened(client.id, digest_of(KEY))
    addon.client_disconnected(client)
    assert core.opened_by == {}
