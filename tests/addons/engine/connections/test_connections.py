"""The addon between mitmproxy's hooks and what looks after connections; tests/e2e/connections/ has real ones."""

import asyncio
import weakref

import pytest
from mitmproxy.test import tflow
from mitmproxy.utils import human

from addons import gc_tuning
from addons.core import Core
from addons.engine.fixes import connections
from addons.engine.fixes.connections import Connections


@pytest.mark.parametrize(("ended", "is_given_back"), [(999, False), (1000, True), (2500, True)])
async def test_what_many_connections_took_is_given_back_after_their_end(
    ended: int, is_given_back: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = asyncio.Event()
    monkeypatch.setattr(connections, "_SWEEP_SECONDS", 0.0)
    addon = Connections(Core())
    monkeypatch.setattr(gc_tuning, "give_back", given.set)
    for _ in range(ended):
        addon.client_disconnected(tflow.tclient_conn())
    assert (addon._timer is not None) == is_given_back
    if is_given_back:
        await asyncio.wait_for(given.wait(), 60)
    assert addon._timer is None
    addon.done()


async def test_small_things_that_keep_much_memory_from_being_given_back_are_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = asyncio.Event()
    monkeypatch.setattr(connections, "_SWEEP_SECONDS", 0.0)
    monkeypatch.setattr(gc_tuning, "give_back", given.set)
    addon = Connections(Core())
    for _ in range(1000):
        addon.client_disconnected(tflow.tclient_conn())
    human.format_address(("192.0.2.1", 1))
    timer = asyncio.get_running_loop().call_later(600, print)
    timer.cancel()
    left = weakref.ref(timer)
    del timer
    assert left(), "asyncio keeps it"
    await asyncio.wait_for(given.wait(), 60)
    assert left() is None and human.format_address.cache_info().currsize == 0
    addon.done()
