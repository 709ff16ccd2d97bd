"""A plugin for pytest that runs mitmproxy's own tests with all fixes and speed-ups: see docs/mitmproxy-releases.md."""

import sys
from typing import Any

from mitmproxy import addonmanager
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.proxy.server import ConnectionHandler

from addons.core import Core
from addons.engine.fixes import websocket_layer
from addons.engine.speed import lookups
from addons.engine.speed.hook_table import HookTable
from addons.engine.speed.layer import FastLayer
from addons.settings.fields import SETTINGS
from addons.settings.sources import from_options
from tests.addons.engine.fixes import FIXES

_new_manager: Any = addonmanager.AddonManager.__init__
_handle: Any = ConnectionHandler.handle_client


def _init_manager(self: Any, master: Any) -> None:
    _new_manager(self, master)
    self._table = HookTable(self)
    self.handle_lifecycle = self._table.handle_lifecycle
    self.trigger_event = self._table.trigger_event


async def _handle_client(self: Any) -> None:
    """With a FastLayer, as for every connection of ModelTrack's: its layer is made by now."""
    table = getattr(self.master.addons, "_table", None) if isinstance(self, ProxyConnectionHandler) else None
    if isinstance(table, HookTable):  # and no mock, as in some tests
        self.layer = FastLayer(self, lambda: table.begin_lifecycle)
    await _handle(self)


def pytest_configure() -> None:
    core = Core()
    core.failure = ""
    core.settings = from_options({name: info.default for name, info in SETTINGS.items()})
    websocket_layer._limit = lambda: sys.maxsize  # the tests of layers have no options to look it up in
    for fix in FIXES:
        fix(core).load(None)
    off = [each.what for each in lookups.speed_ups() if not each.apply()]
    assert not core.failure and not off, (core.failure, off)
    addonmanager.AddonManager.__init__ = _init_manager  # type: ignore[method-assign]
    ConnectionHandler.handle_client = _handle_client  # type: ignore[method-assign]
