"""One manager with FastDispatch and one without, the programs that both run, and what comes of them."""

import asyncio
import logging
import traceback
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from mitmproxy import addonmanager, exceptions, hooks, options
from mitmproxy.addonmanager import AddonManager
from mitmproxy.proxy.layers.http import HttpRequestHook, HttpResponseHook
from mitmproxy.test import tflow

from addons.engine.speed.dispatch import FastDispatch

EVENTS: dict[str, Callable[[], hooks.Hook]] = {
    "request": lambda: HttpRequestHook(tflow.tflow()),
    "response": lambda: HttpResponseHook(tflow.tflow(resp=True)),
    "running": hooks.RunningHook,
}
REPLACED = {"handle_lifecycle", "trigger_event"}
FAILURES = ("raise", "raise later", "not callable")


class Isolating(AddonManager):
    """AddonManager, but for the one thing in which FastDispatch differs: each addon's errors are its own."""

    async def trigger_event(self, event: hooks.Hook) -> None:
        for entry in self.chain:
            try:
                with addonmanager.safecall():
                    for _, hook in self._iter_hooks(entry, event):
                        with addonmanager.safecall():
                            await invoke_addon(hook, event)
            except exceptions.AddonHalt:
                return


async def invoke_addon(hook: Any, event: hooks.Hook) -> None:
    """Call an addon's hook. AddonManager looks for this name to tell where an addon's traceback begins."""
    result = hook(*event.args())
    if result is not None:
        await result


@dataclass(frozen=True)
class Made:
    """An addon to be made: what its hooks do, and the addons below it, None for one that cannot have any."""

    does: dict[str, str]
    below: "tuple[Made, ...] | None" = None
    is_mitmproxys: bool = False


class World:
    """One manager, with or without FastDispatch, and what happened in it."""

    def __init__(self, kind: type[AddonManager], is_fast: bool) -> None:
        self.seen: list[str] = []
        self.made: list[Any] = []
        master: Any = types.SimpleNamespace(options=options.Options())
        master.commands = types.SimpleNamespace(collect_commands=lambda addon: None)
        self.manager = kind(master)
        self.fast = FastDispatch()
        if is_fast:
            self.fast.install(self.manager)
            assert "trigger_event" in vars(self.manager)

    def make(self, plan: Made) -> Any:
        number = len(self.made)
        module = "mitmproxy.addons.made" if plan.is_mitmproxys else "script"
        members = {name: self.hook(number, name, what) for name, what in plan.does.items()}
        addon = type("Addon", (), {"__module__": module, "name": f"a{number}", **members})()
        self.made.append(addon)
        if plan.below is not None:
            addon.addons = [self.make(child) for child in plan.below]
        return addon

    def hook(self, number: int, name: str, what: str) -> Any:
        if what in ("not callable", "module"):
            return 3 if what == "not callable" else logging

        def act(*args: Any) -> Any:
            self.seen.append(f"a{number}.{name}({', '.join(type(arg).__name__ for arg in args)})")
            match what:
                case "raise":
                    raise ValueError(f"from a{number}")
                case "halt":
                    raise exceptions.AddonHalt
                case "options error":
                    raise exceptions.OptionsError(f"from a{number}")
                case "wait" | "raise later":
                    return wait(what)
                case "add":
                    self.manager.add(self.make(Made({"request": "note", "response": "note"})))
                case "leave":
                    self.remove(number)
                case "grow":
                    self.nest(number)

        async def wait(what: str) -> None:
            await asyncio.sleep(0)
            self.seen.append(f"a{number} goes on")
            if what == "raise later":
                raise ValueError(f"later, from a{number}")

        return staticmethod(act)

    def remove(self, number: int) -> None:
        try:
            self.manager.remove(self.made[number])
        except exceptions.AddonManagerError as error:
            self.seen.append(str(error))

    def nest(self, number: int) -> None:
        """Change the addons below this one as a script that is loaded again does: by another list, and in place."""
        addon = self.made[number]
        if hasattr(addon, "addons"):
            addon.addons = [*addon.addons[1:], self.make(Made({"request": "note", "running": "note"}))]
            addon.addons.append(self.make(Made({"response": "note"})))

    def change(self, number: int, name: str, what: str) -> None:
        """Change a script's hook. Those of mitmproxy's own addons stay, because they never change."""
        addon = self.made[number]
        if not type(addon).__module__.startswith("mitmproxy."):
            setattr(addon, name, self.hook(number, name, what))

    async def fire(self, name: str) -> None:
        try:
            if name == "running":
                await self.manager.trigger_event(EVENTS[name]())
            else:
                await self.manager.handle_lifecycle(EVENTS[name]())
        except Exception as error:
            self.seen.append(repr(error))
        self.seen.append(f"{name} is through")

    def configure(self) -> None:
        try:
            self.manager.trigger(hooks.ConfigureHook({"http2"}))
        except exceptions.OptionsError as error:
            self.seen.append(repr(error))

    async def run(self, steps: list[tuple[Any, ...]]) -> None:
        under_way: list[asyncio.Task[None]] = []
        for step in steps:
            match step:
                case ("add", plan):
                    self.manager.add(self.make(plan))
                case ("fire", name):
                    await self.fire(name)
                case ("begin", name):
                    under_way.append(asyncio.create_task(self.fire(name)))
                    await asyncio.sleep(0)
                case ("configure",):
                    self.configure()
                case ("clear",):
                    self.manager.clear()
                case (("remove" | "nest" | "change") as method, number, *more) if self.made:
                    getattr(self, method)(number % len(self.made), *more)
                case ("switch",):
                    self.switch()
        await asyncio.gather(*under_way)

    def switch(self) -> None:
        """Off and on again, as a user may at any time; nothing in a world that never had it."""
        if self.fast._table:
            self.fast.uninstall()
            assert not REPLACED & vars(self.manager).keys()
            self.fast.install(self.manager)


class Records(logging.Handler):
    def __init__(self, seen: list[str]) -> None:
        super().__init__()
        self._seen = seen

    def emit(self, record: logging.LogRecord) -> None:
        assert record.exc_info
        message, _, rest = record.getMessage().partition(" (<")  # an address in memory
        places = [frame.name for frame in traceback.extract_tb(record.exc_info[2])]
        self._seen.append(f"{record.levelname} {message} {'' if 'not callable' in rest else places}")


def outcome(kind: type[AddonManager], is_fast: bool, steps: list[tuple[Any, ...]]) -> list[str]:
    world = World(kind, is_fast)
    handler = Records(world.seen)
    addonmanager.logger.addHandler(handler)
    addonmanager.logger.propagate = False
    try:
        asyncio.run(world.run(steps))
    finally:
        addonmanager.logger.removeHandler(handler)
        addonmanager.logger.propagate = True
        world.fast.uninstall()
    return world.seen


def behaviours(*more: str) -> st.SearchStrategy[str]:
    return st.sampled_from(["note", "note", "wait", "module", "halt", "options error", "add", "leave", "grow", *more])


def does(*more: str) -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(st.sampled_from([*EVENTS, "update", "done"]), behaviours(*more), max_size=4).map(
        lambda found: found | ({"done": "note"} if "done" in found else {})
    )


def steps(*nested_failures: str) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    leaf = st.builds(Made, does(*nested_failures))
    script = st.builds(
        Made, does(*nested_failures), st.lists(leaf | st.builds(Made, does(*nested_failures), st.just(())), max_size=3)
    )
    top = st.one_of(
        st.builds(Made, does(*FAILURES), st.none(), st.booleans()),
        st.builds(Made, does(*nested_failures), st.lists(leaf | script, max_size=3)),
    )
    name, number = st.sampled_from([*EVENTS]), st.integers(0, 99)
    return st.lists(
        st.one_of(
            st.tuples(st.just("add"), top),
            st.tuples(st.just("fire"), name),
            st.tuples(st.just("begin"), name),
            st.tuples(st.just("remove") | st.just("nest"), number),
            st.tuples(st.just("change"), number, name, behaviours(*nested_failures)),
            st.just(("clear",)),
            st.just(("switch",)),
        ),
        max_size=25,
    )
