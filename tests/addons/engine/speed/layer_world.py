"""One connection with FastLayer and one without, the plans that both carry out, and what comes of them."""

import asyncio
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from hypothesis import strategies as st
from mitmproxy import hooks, options
from mitmproxy.addonmanager import AddonManager
from mitmproxy.connection import Server
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import HttpRequestHook, HttpResponseHook
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.proxy.server import ConnectionIO
from mitmproxy.test import tflow

from addons.engine.speed.hook_table import HookTable
from addons.engine.speed.layer import FastLayer

Step = tuple[str, Any]


@dataclass
class Notice(commands.StartHook):
    """A hook that its layer does not wait for."""

    blocking = False
    client: Any


class Transport(asyncio.Transport):
    def __init__(self, seen: list[Any]) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.seen = seen
        self.is_over = False

    def write(self, data: Any) -> None:
        self.seen.append(bytes(data))

    def is_closing(self) -> bool:
        return self.is_over or "end" in self.seen

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.seen.append("eof")


class ScriptedLayer(layer.Layer):
    """Carries out the next of a list of plans at each event. Commands that block pause it, as they do real layers."""

    def __init__(self, context: Any, plans: list[list[Step]], world: "World") -> None:
        super().__init__(context)
        self._plans = iter(plans)
        self._world = world

    def _handle_event(self, event: events.Event) -> Iterator[Any]:
        if not isinstance(event, events.DataReceived):
            self._world.seen["layer"].append(type(event).__name__)
            return
        self._world.seen["layer"].append(event.data)
        for what, value in next(self._plans, []):
            connection = self._world.server if str(value).startswith("server") else self._world.client
            match what:
                case "send":
                    yield commands.SendData(connection, value.encode())
                case "hook":
                    yield self._world.hook(value)
                case "log":
                    yield commands.Log(value, logging.INFO)
                case "half-close":
                    yield commands.CloseTcpConnection(connection, half_close=True)
                case "close":
                    yield commands.CloseConnection(connection)
                case "notice":
                    yield Notice(self._world.client)
                case "crash":
                    raise ValueError("a layer's")
                case "impossible":
                    yield commands.Command()


class World:
    """One connection with a client and one with a server, and an addon; with FastLayer or without."""

    def __init__(self, plans: list[list[Step]], is_fast: bool) -> None:
        self.seen: dict[str, list[Any]] = {"layer": [], "hooks": [], "client": [], "server": [], "log": []} | {
            "watchdog": []
        }
        opts = options.Options()
        opts.add_option("onboarding", bool, False, "")
        master: Any = SimpleNamespace(options=opts)
        master.addons = AddonManager(master)
        notice = lambda _: self.seen["hooks"].append("notice")  # noqa: E731
        addon = SimpleNamespace(request=self.called, response=self.called, notice=notice)
        master.addons.chain.append(addon)
        loop = asyncio.get_running_loop()
        self.transports: list[Transport] = []
        self.kept: list[Any] | None = None

        def writer(name: str) -> asyncio.StreamWriter:
            protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader())
            self.transports.append(Transport(self.seen[name]))
            return asyncio.StreamWriter(self.transports[-1], protocol, None, loop)

        self.handler = ProxyConnectionHandler(
            master, asyncio.StreamReader(), writer("client"), opts, ProxyMode.parse("regular")
        )
        self.client = self.handler.client
        self.server = Server(address=("127.0.0.1", 3))
        for name, connection in (("client", self.client), ("server", self.server)):
            task: Any = SimpleNamespace(cancel=lambda _, name=name: self.seen[name].append("end"))
            if connection is self.server:
                self.handler.transports[connection] = ConnectionIO(writer=writer(name))
            self.handler.transports[connection].handler = task
        self.handler.log = self.logged  # type: ignore[method-assign]
        self.handler.layer = ScriptedLayer(self.handler.layer.context, plans, self)
        if is_fast:
            table = HookTable(master.addons)
            self.handler.layer = FastLayer(self.handler, lambda: table.begin_lifecycle)  # type: ignore[assignment]

    def hook(self, kind: str) -> hooks.Hook:
        self.flow = tflow.tflow(resp=True)
        self.flow.id = kind
        return HttpResponseHook(self.flow) if kind.startswith("response") else HttpRequestHook(self.flow)

    def called(self, flow: Any) -> Any:
        self.seen["hooks"].append(flow.id)
        if "fails" in flow.id:
            raise ValueError(flow.id)
        if "stops" in flow.id:
            raise asyncio.CancelledError
        if "another" in flow.id:
            asyncio.get_running_loop().call_soon(self.seen["hooks"].append, "another's turn")
        if "intercepts" in flow.id:
            flow.intercept()
            asyncio.get_running_loop().call_soon(flow.resume)
        return self.wait(flow.id) if "waits" in flow.id or "returns" in flow.id else None

    async def wait(self, name: str) -> None:
        if "waits" in name:
            await asyncio.sleep(0)
        self.seen["watchdog"].append(self.handler.timeout_watchdog.blocker)
        self.seen["hooks"].append(f"{name} is through")

    def logged(self, message: str, level: int = 0, exc_info: Any = None) -> None:
        self.seen["log"].append(message)
        if exc_info and self.kept is not None:
            self.kept.append(sys.exc_info())

    async def run(self, count: int, at_once: bool) -> dict[str, list[Any]]:
        others = asyncio.all_tasks()
        for number in range(count):
            await self.handler.server_event(events.DataReceived(self.client, b"%d" % number))
            while not at_once and (left := asyncio.all_tasks() - others):
                await asyncio.wait(left)
        while left := asyncio.all_tasks() - others:
            await asyncio.wait(left)
        for transport in self.transports:
            transport.is_over = True  # StreamWriter warns of one that is not closed
        return self.seen


def outcome(plans: list[list[Step]], is_fast: bool, at_once: bool) -> dict[str, list[Any]]:
    async def run() -> dict[str, list[Any]]:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # as mitmproxy does
        return await World(plans, is_fast).run(len(plans) + 1, at_once)

    logging.disable(logging.CRITICAL)
    try:
        seen = asyncio.run(run())
    finally:
        logging.disable(logging.NOTSET)
    for name in ("client", "server"):
        seen[name] = joined(seen[name])
    return seen


def joined(pieces: list[Any]) -> list[Any]:
    """Bytes in one piece up to whatever else happens."""
    found: list[Any] = []
    for piece in pieces:
        if found and isinstance(piece, bytes) and isinstance(found[-1], bytes):
            found[-1] += piece
        else:
            found.append(piece)
    return found


HOOKS = st.sampled_from(
    ["request", "response", "response waits", "request returns", "request fails", "response intercepts"]
)
USUAL = st.one_of(
    st.tuples(st.just("send"), st.sampled_from(["client a", "client b", "server c", "server" + "d" * 70_000])),
    st.tuples(st.just("hook"), HOOKS),
    st.tuples(st.just("hook"), HOOKS),
    st.tuples(st.sampled_from(["log", "half-close", "close", "notice"]), st.sampled_from(["client", "server"])),
)
UNUSUAL = st.tuples(st.sampled_from(["crash", "impossible"]), st.none())


def plans(steps: st.SearchStrategy[Step]) -> st.SearchStrategy[list[list[Step]]]:
    return st.lists(st.lists(steps, max_size=6), max_size=4)
