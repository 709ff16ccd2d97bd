"""FastDispatch: give an event to the addons that implement it, without asking all of them each time.

AddonManager visits every addon, about 45, for every event, with a context manager, a generator and a coroutine each:
half of what a request costs. hook_table.py takes the place of two of its methods, on its instance and nowhere else;
lookups.py and layer.py do what mitmproxy does else for a request, with less.

In one thing it differs on purpose: an error in a script's addon skips no other addon. With AddonManager all scripts are
one entry of its chain, and an error in the first would let a request past the budgets of the next.
"""

import logging
from typing import Any

from mitmproxy import addonmanager, connection, ctx
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler

from addons.engine.replacing import Part, Replacement
from addons.engine.speed import layer, lookups
from addons.engine.speed.hook_table import HookTable

logger = logging.getLogger(__name__)

OPTION = "modeltrack_fast_dispatch"

_REPLACED = ("handle_lifecycle", "trigger_event")
_RELIED_ON = (
    addonmanager.AddonManager.handle_lifecycle,
    addonmanager.AddonManager.trigger_event,
    addonmanager.AddonManager.invoke_addon,
    addonmanager.AddonManager._iter_hooks,
    addonmanager.traverse,
    addonmanager.safecall,
)
_KNOWN = ("39d92a1584707fe0",)
"""Fingerprints of mitmproxy 12.2."""


def _is_plain(manager: addonmanager.AddonManager) -> bool:
    return type(manager) is addonmanager.AddonManager and not vars(addonmanager.AddonManager).keys() & vars(manager)


class FastDispatch:
    def __init__(self) -> None:
        self._parts: list[Part] = []
        """Those in force."""
        self._connections = layer.part()
        self._table: HookTable | None = None
        self._methods: list[tuple[str, Any]] = []
        """Of the table, and the manager's while it is in force."""

    def configure(self, updated: set[str]) -> None:
        if OPTION in updated:
            if getattr(ctx.options, OPTION):
                self.install(ctx.master.addons)
            else:
                self.uninstall()

    def client_connected(self, client: connection.Client) -> None:
        if self._table and self._connections in self._parts:
            handler = ctx.master.addons.get("proxyserver").connections.get(client.id)
            if type(handler) is ProxyConnectionHandler:
                handler.layer = layer.FastLayer(handler, self._begin)  # type: ignore[assignment]

    def _begin(self) -> layer.Begin | None:
        """Asked at every event of every connection. None where somebody has put another on top of either."""
        table = self._table
        if table is None:
            return None
        state = vars(table.manager)
        is_in_force = all([state.get(name) is value for name, value in self._methods])
        return table.begin_lifecycle if is_in_force else None

    def done(self) -> None:
        self.uninstall()

    def install(self, manager: addonmanager.AddonManager) -> None:
        if self._parts:
            return
        table = HookTable(manager)
        self._methods = [(name, getattr(table, name)) for name in _REPLACED]
        dispatch = Part("dispatch", _RELIED_ON, _KNOWN, [Replacement(manager, *each) for each in self._methods])
        parts = [dispatch, self._connections, *lookups.parts()]
        self._parts = [part for part in parts if (part is not dispatch or _is_plain(manager)) and part.apply()]
        if dispatch in self._parts:
            self._table = table
        if unknown := [part.what for part in parts if part not in self._parts]:
            what = ", ".join(unknown)
            logger.warning("%s does not know this mitmproxy's %s, or finds it changed: no faster there", OPTION, what)

    def uninstall(self) -> None:
        self._table = None
        for part in self._parts:
            part.undo()
        self._parts.clear()
