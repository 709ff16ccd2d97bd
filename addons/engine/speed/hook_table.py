"""HookTable: take the place of the two methods of mitmproxy's AddonManager that give an event to all addons.

mitmproxy's own addons and ModelTrack's have their hooks in their classes, so which of them have one for an event is
looked up once. Other scripts, and the addons that they bring, are asked at every event, as AddonManager does.
"""

import inspect
from collections.abc import Awaitable, Iterable, Iterator
from typing import Any

from mitmproxy import addonmanager, exceptions, flow, hooks

from addons.engine.hooks import Call, below, hook, report

_DECLARING = ("mitmproxy.", "addons.")
"""The packages whose addons have all their hooks in their classes."""
_ABSENT: Any = object()

_flow_classes: dict[type, bool] = {}


def is_flow(message: object) -> bool:
    """Tell what isinstance(message, Flow) does, which is slow since Flow is abstract."""
    kind = type(message)
    if kind not in _flow_classes:
        _flow_classes[kind] = issubclass(kind, flow.Flow)
    return _flow_classes[kind]


class HookTable:
    """Call the hooks for an event.

    `begin` and `begin_lifecycle` call those up to the first that waits, without a coroutine of their own, and return
    what is then to be awaited: None where no hook waits, and all is done.
    """

    def __init__(self, manager: addonmanager.AddonManager) -> None:
        self.manager = manager
        self._chain: list[Any] = []
        self._entries: dict[str, tuple[_Entry, ...]] = {}

    async def handle_lifecycle(self, event: hooks.Hook) -> None:
        if rest := self.begin_lifecycle(event, event.args()):
            await rest

    async def trigger_event(self, event: hooks.Hook) -> None:
        """Call all hooks. Raises OptionsError if a hook does; other errors are logged."""
        if rest := self.begin(event.name, event.args()):
            await rest

    def begin_lifecycle(self, event: hooks.Hook, args: list[Any]) -> Awaitable[None] | None:
        rest = self.begin(event.name, args)
        message = args[0]
        if not is_flow(message):
            return rest
        return self._update_after(rest, message) if rest else self._update(message)

    async def _update_after(self, rest: Awaitable[None], message: flow.Flow) -> None:
        await rest
        if update := self._update(message):
            await update

    def _update(self, message: flow.Flow) -> Awaitable[None] | None:
        if any(entry.calls() for entry in self._find("update")):
            return self.begin("update", [[message]])
        return None

    def begin(self, name: str, args: list[Any]) -> Awaitable[None] | None:
        """Call hooks up to the first that waits. Raises OptionsError if a hook does; other errors are logged."""
        chain = self.manager.chain
        size = len(chain)
        entries = iter(self._find(name))
        try:
            for entry in entries:
                calls = iter(entry.calls())
                for call in calls:
                    try:
                        result = call(*args)
                        if result is not None and inspect.isawaitable(result):
                            return _wait(result, _rest(calls, entry, entries, chain, size), args)
                    except (exceptions.AddonHalt, exceptions.OptionsError):
                        raise
                    except Exception as error:
                        report(error, "begin")
                if len(chain) != size:
                    return _go_on(_added(entry, chain), args)
        except exceptions.AddonHalt:
            pass
        return None

    def _find(self, name: str) -> "tuple[_Entry, ...]":
        chain = self.manager.chain
        if chain != self._chain:
            self._chain, self._entries = list(chain), {}
        entries = self._entries.get(name)
        if entries is None:
            found = (_Entry(position, addon, name) for position, addon in enumerate(chain))
            entries = self._entries[name] = tuple(entry for entry in found if entry.may_call)
        return entries


class _Entry:
    """Holds the hooks for one event of one addon in the manager's chain, and those of the addons below it."""

    def __init__(self, position: int, addon: Any, name: str) -> None:
        self.position = position
        self._addon = addon
        self.name = name
        self._look()

    def _look(self) -> None:
        self._known: tuple[Call, ...] | None = None
        """The hooks to call; None where the addons have to be asked each time."""
        self._watched: list[tuple[Any, Any, bool]] = []
        """The addons on which that depends, each with a copy of those below it, and whether it may get a hook later."""
        known: list[Call] = []
        try:
            for addon in addonmanager.traverse([self._addon]):
                found, children = hook(addon, self.name), getattr(addon, "addons", _ABSENT)
                is_fixed = type(addon).__module__.startswith(_DECLARING)
                if found and (not is_fixed or not callable(found) or children is not _ABSENT):
                    return
                if found:
                    known.append(found)
                if not is_fixed or children is not _ABSENT:
                    self._watched.append((addon, _listed(children), not is_fixed))
        except Exception:  # from a property of an addon; it is logged when the addon is asked
            return
        self._known = tuple(known)

    @property
    def may_call(self) -> bool:
        return self._known != () or bool(self._watched)

    def calls(self) -> Iterable[Call]:
        if self._known is not None and self._watched and not self._holds():
            self._look()
        return below(self._addon, self.name) if self._known is None else self._known

    def _holds(self) -> bool:
        try:
            for addon, before, may_change in self._watched:
                now = getattr(addon, "addons", _ABSENT)
                if (now if type(now) is list else _listed(now)) != before:
                    return False
                if may_change and hook(addon, self.name):
                    return False
        except Exception:
            return False
        return True


def _listed(children: Any) -> list[Any] | None:
    """Return a copy; None for an addon that cannot have others below it."""
    return None if children is _ABSENT else [*children]


def _rest(
    calls: Iterator[Call], entry: _Entry, entries: Iterator[_Entry], chain: list[Any], size: int
) -> Iterator[Call]:
    """Yield the hooks after one that waits. The chain, which a removal replaces, had `size` addons at the beginning."""
    yield from calls
    while len(chain) == size:
        following = next(entries, None)
        if following is None:
            return
        entry = following
        yield from entry.calls()
    yield from _added(entry, chain)


def _added(entry: _Entry, chain: list[Any]) -> Iterator[Call]:
    """Yield all hooks after an entry one of whose hooks has added addons: those still get the event."""
    position = entry.position
    while (position := position + 1) < len(chain):
        yield from below(chain[position], entry.name)


def _go_on(calls: Iterator[Call], args: list[Any]) -> Awaitable[None] | None:
    try:
        for call in calls:
            try:
                result = call(*args)
                if result is not None and inspect.isawaitable(result):
                    return _wait(result, calls, args)
            except (exceptions.AddonHalt, exceptions.OptionsError):
                raise
            except Exception as error:
                report(error, "_go_on")
    except exceptions.AddonHalt:
        pass
    return None


async def _wait(result: Awaitable[Any], calls: Iterator[Call], args: list[Any]) -> None:
    """Await what a hook has returned to `_go_on`, then go on with the hooks after it."""
    try:
        await result
    except exceptions.AddonHalt:
        return
    except exceptions.OptionsError:
        raise
    except Exception as error:
        report(error, "_wait")
    if rest := _go_on(calls, args):
        await rest
