"""The addon between mitmproxy's hooks and what looks after connections; tests/e2e/connections/ has real ones."""

import asyncio

import pytest
from mitmproxy.test import tflow

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
