"""FastDispatch: give an event to the addons that have a hook for it, without asking all of them each time.

AddonManager visits every addon, about 45, for every event, with a context manager, a generator and a coroutine each:
that is half of what a request costs. hook_table.py takes the place of two of its methods, on its instance and nowhere
else; lookups.py and layer.py do with less what else mitmproxy does for a request.

An error in a script's addon skips no other addon: that is so without this too, by fixes/script_errors.py.
"""

import logging
from typing import Any

from mitmproxy import addonmanager, connection, ctx, version
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from addons.engine.replacing import Replacement, SpeedUp
from addons.engine.speed import layer, lookups, reads
from addons.engine.speed.hook_table import HookTable
from addons.engine.touchpoints.for_speed import DISPATCH
from addons.engine.touchpoints.releases import RELEASES

logger = logging.getLogger(__name__)

OPTION = "modeltrack_fast_dispatch"

_REPLACED = ("handle_lifecycle", "trigger_event")


def _is_plain(manager: addonmanager.AddonManager) -> bool:
    return type(manager) is addonmanager.AddonManager and not vars(addonmanager.AddonManager).keys() & vars(manager)


class FastDispatch:
    def __init__(self) -> None:
        self._in_force: list[SpeedUp] = []
        self._connections = layer.speed_up()
        self._table: HookTable | None = None
        self._methods: list[tuple[str, Any]] = []
        """Methods of the table, which are the manager's while it is in force."""

    def configure(self, updated: set[str]) -> None:
        if OPTION in updated:
            if getattr(ctx.options, OPTION):
                self.install(ctx.master.addons)
            else:
                self.uninstall()

    def client_connected(self, client: connection.Client) -> None:
        if handler := self._handler(client):
            handler.layer = layer.FastLayer(handler, self._begin)  # type: ignore[assignment]
            reads.widen(handler, client)

    def server_connected(self, data: ServerConnectionHookData) -> None:
        if handler := self._handler(data.client):
            reads.widen(handler, data.server)

    def _handler(self, client: connection.Client) -> ProxyConnectionHandler | None:
        """Return what handles a client's connection, None where that is to stay as it is."""
        if not self._table or self._connections not in self._in_force:
            return None
        handler = ctx.master.addons.get("proxyserver").connections.get(client.id)
        return handler if type(handler) is ProxyConnectionHandler else None

    def _begin(self) -> layer.Begin | None:
        """Return how to begin an event; None where an addon has put something on top of the table's methods.

        It is asked at every event of every connection.
        """
        table = self._table
        if table is None:
            return None
        state = vars(table.manager)
        is_in_force = all([state.get(name) is value for name, value in self._methods])
        return table.begin_lifecycle if is_in_force else None

    def done(self) -> None:
        self.uninstall()

    def install(self, manager: addonmanager.AddonManager) -> None:
        if self._in_force:
            return
        table = HookTable(manager)
        self._methods = [(name, getattr(table, name)) for name in _REPLACED]
        problem = "" if _is_plain(manager) else "an addon has changed the AddonManager"
        replacements = [Replacement(manager, *each) for each in self._methods]
        dispatch = SpeedUp("dispatch", DISPATCH, replacements, problem)
        speed_ups = [dispatch, self._connections, *lookups.speed_ups()]
        self._in_force = [each for each in speed_ups if each.apply()]
        if dispatch in self._in_force:
            self._table = table
        if problems := [f"{each.what} ({each.problem})" for each in speed_ups if each.problem]:
            logger.warning(
                "%s was made for mitmproxy %s; with this %s something differs, so these speed-ups are off: %s",
                OPTION,
                ", ".join(RELEASES),
                version.VERSION,
                ", ".join(problems),
            )

    def uninstall(self) -> None:
        self._table = None
        for each in self._in_force:
            each.undo()
        self._in_force.clear()
