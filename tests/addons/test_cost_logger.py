"""Test what tests/e2e does not show of CostLogger: a call that mitmproxy loses, an answer that waits for the disk."""

import asyncio
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from mitmproxy import ctx, http, options
from mitmproxy.addonmanager import AddonManager
from mitmproxy.test import tflow, tutils

from addons import cost_logger
from addons.cache import ResponseCache
from addons.callers.attribution import Attribution
from addons.core import Core
from addons.cost_logger import CostLogger
from addons.flow.attached import attach, call_of
from addons.llm.call import LLMCall
from addons.llm.routes import Tracked, resolve

from .cores import settings


def flow_of_a_call(core: Core) -> http.HTTPFlow:
    """Return the flow of a call that has been admitted."""
    flow, route = tflow.tflow(), resolve("/v1/messages")
    assert isinstance(route, Tracked)
    call = LLMCall(route, "", Attribution(team="t"), 0.0)
    call.ask({"model": "claude-sonnet-4-6", "max_tokens": 9})
    call.text = orjson.dumps(call.body)
    call.ticket = core.ledger.reserve("t", "", 1000, flow.id)
    attach(flow, call)
    core.live[flow.id] = flow
    return flow


async def test_a_call_that_mitmproxy_loses_is_ended_once_its_client_has_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost_logger, "_LOST_SECONDS", 0)
    core = Core()
    core.configure(settings(tmp_path))
    cache, logger = ResponseCache(core), CostLogger(core)
    manager = AddonManager(SimpleNamespace(options=options.Options()))
    manager.chain = [cache, logger]
    monkeypatch.setattr(ctx, "master", SimpleNamespace(addons=manager), raising=False)
    lost, waiting = flow_of_a_call(core), flow_of_a_call(core)
    assert cache.request(lost) is None
    follows: Any = cache.request(waiting)
    waits = asyncio.create_task(follows)
    while not core.counts.cache_waiting:
        await asyncio.sleep(0)
    logger.client_disconnected(lost.client_conn)
    await asyncio.wait_for(waits, 10)
    assert list(core.live) == [waiting.id] and core.ledger.reserved_nanos == 1000
    [event] = map(orjson.loads, core.log.path.read_bytes().splitlines())
    assert (event["error"], event["cost_usd"], event["team"]) == ("client_disconnected", 0, "t")
    call = call_of(waiting)
    assert call and call.leads, "the one that waited goes on alone"
    logger.client_disconnected(lost.client_conn)
    await asyncio.sleep(0)
    assert len(core.log.path.read_bytes().splitlines()) == 1
    logger.done()


@pytest.mark.parametrize("fsync", ["always", "interval"])
async def test_an_answers_end_waits_for_the_disk_where_that_is_wanted(
    fsync: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = Core()
    core.configure(settings(tmp_path, fsync=fsync))
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    flow = flow_of_a_call(core)
    waits: Any = CostLogger(core).response(flow)
    assert (waits is not None) == (fsync == "always")
    if waits:
        await waits
    assert len(synced) == (fsync == "always") and core.log.path.read_bytes().count(b"\n") == 1
    core.log.close()


async def test_a_call_that_was_logged_while_its_request_waited_is_not_logged_again(tmp_path: Path) -> None:
    """A reload of the script ends the calls in flight; a request that waited in a hook then goes on."""
    core = Core()
    core.configure(settings(tmp_path))
    logger, flow = CostLogger(core), flow_of_a_call(core)
    logger.done()
    logger.request(flow)
    flow.response = tutils.tresp()
    logger.response(flow)
    assert core.counts.requests == 1 and core.log.path.read_bytes().count(b"\n") == 1
