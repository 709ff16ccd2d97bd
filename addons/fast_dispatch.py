"""FastDispatch: give an event to the addons that implement it, without asking all of them each time.

AddonManager visits every addon, about 45, for every event, with a context manager, a generator and a coroutine each:
half of what a request costs. This takes the place of two of its methods, on its instance and nowhere else.

mitmproxy's own addons and ModelTrack's, whose hooks are methods of their classes, are looked up once; other scripts and
what they bring are asked at every event, as AddonManager does, so that they may change at any time. In one thing it
differs on purpose: an error in a script's addon skips no other addon. With AddonManager all scripts are one entry of
its chain, and an error in the first would let a request past the budgets of the next.
"""

import dataclasses
import hashlib
import inspect
import logging
from collections import defaultdict
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

from mitmproxy import addonmanager, ctx, exceptions, flow, hooks, http

logger = logging.getLogger(__name__)

OPTION = "modeltrack_fast_dispatch"

_DECLARING = ("mitmproxy.", "addons.")
"""Packages, mitmproxy's and this one, whose addons have all their hooks in their classes."""
_ABSENT: Any = object()
_CHECKS = vars(http.MessageData).get("__post_init__")
"""Asserts the types of a message's fields, for each one made; gone where Python runs with -O."""
_REPLACED = ("handle_lifecycle", "trigger_event")
_RELIED_ON = (
    addonmanager.AddonManager.handle_lifecycle,
    addonmanager.AddonManager.trigger_event,
    addonmanager.AddonManager.invoke_addon,
    addonmanager.AddonManager._iter_hooks,
    addonmanager.traverse,
    addonmanager.safecall,
    hooks.Hook.args,
    _CHECKS,
)
_KNOWN = frozenset({"f3d0b2f2b7c2bcfe", "82e93df57048e249"})
"""Fingerprints of mitmproxy 12.2, without and with Python's -O."""


class _Entry(NamedTuple):
    position: int
    """In the manager's chain."""
    addon: Any
    is_walked: bool
    """Whether it is not just one hook that can be called: it may change, or have addons below it."""


class HookTable:
    """In place of an AddonManager's `handle_lifecycle` and `trigger_event`."""

    def __init__(self, manager: addonmanager.AddonManager) -> None:
        self._manager = manager
        self._chain: list[Any] = []
        self._entries: dict[str, tuple[_Entry, ...]] = {}

    async def handle_lifecycle(self, event: hooks.Hook) -> None:
        message = _args(event)[0]
        await self.trigger_event(event)
        if isinstance(message, flow.Flow) and self._find("update"):
            await self.trigger_event(hooks.UpdateHook([message]))

    async def trigger_event(self, event: hooks.Hook) -> None:
        """Raises OptionsError, if a hook does; other errors are logged."""
        name, chain = event.name, self._manager.chain
        entries = self._find(name)
        if not entries:
            return
        args, size = _args(event), len(chain)
        try:
            for position, addon, is_walked in entries:
                if is_walked:
                    await _invoke_all(addon, name, args)
                else:  # a coroutine less for each of the many of these
                    try:
                        result = getattr(addon, name)(*args)
                        if result is not None and inspect.isawaitable(result):
                            await result
                    except (exceptions.AddonHalt, exceptions.OptionsError):
                        raise
                    except Exception as error:
                        _report(error, "trigger_event")
                if len(chain) != size:
                    await self._go_on_after(position, chain, name, args)
                    return
        except exceptions.AddonHalt:
            return

    async def _go_on_after(self, position: int, chain: list[Any], name: str, args: list[Any]) -> None:
        """A hook has added addons, which still get the event that it was called for."""
        while (position := position + 1) < len(chain):
            await _invoke_all(chain[position], name, args)

    def _find(self, name: str) -> tuple[_Entry, ...]:
        chain = self._manager.chain
        if chain != self._chain:
            self._chain, self._entries = list(chain), {}
        entries = self._entries.get(name)
        if entries is None:
            found = (_entry(position, addon, name) for position, addon in enumerate(chain))
            entries = self._entries[name] = tuple(filter(None, found))
        return entries


def _entry(position: int, addon: Any, name: str) -> _Entry | None:
    if not _is_fixed(addon):
        return _Entry(position, addon, True)
    hook = _hook(addon, name)
    return _Entry(position, addon, not callable(hook)) if hook else None


async def _invoke_all(addon: Any, name: str, args: list[Any]) -> None:
    """The hooks of an addon and all below it."""
    try:
        for owner, hook in _walk(addon, name):
            try:
                if not callable(hook):
                    raise exceptions.AddonManagerError(f"Addon handler {name} ({owner}) not callable")
                result = hook(*args)
                if result is not None and inspect.isawaitable(result):
                    await result
            except (exceptions.AddonHalt, exceptions.OptionsError):
                raise
            except Exception as error:
                _report(error, "_invoke_all")
    except (exceptions.AddonHalt, exceptions.OptionsError):
        raise
    except Exception as error:  # in a property of the addon's, such as `addons`
        _report(error, "_invoke_all")


def _report(error: Exception, caller: str) -> None:
    """As AddonManager does, in its own name, with the traceback from below `caller`."""
    trace = addonmanager.cut_traceback(error.__traceback__, caller)
    addonmanager.logger.error(f"Addon error: {error}", exc_info=(type(error), error, trace))


def _walk(addon: Any, name: str) -> Iterator[tuple[Any, Any]]:
    """Lazy: what a hook changes in the tree holds for the rest of the event."""
    without = _without[name]
    levels = [iter((addon,))]
    while levels:
        for owner in levels[-1]:
            if type(owner) in without:
                continue
            if hook := _hook(owner, name):
                yield owner, hook
            children = getattr(owner, "addons", _ABSENT)
            if children is not _ABSENT:
                levels.append(iter(children))
                break
            if not hook and type(owner).__module__.startswith(_DECLARING):
                without.add(type(owner))
        else:
            levels.pop()


_without: defaultdict[str, set[type]] = defaultdict(set)
"""By event, the classes of addons that do not implement it and never will."""


def _hook(addon: Any, name: str) -> Any:
    """None where there is none; a module that was imported and is called like a hook is none."""
    hook = getattr(addon, name, None)
    return hook if hook and not isinstance(hook, ModuleType) else None


def _is_fixed(addon: Any) -> bool:
    return type(addon).__module__.startswith(_DECLARING) and not hasattr(addon, "addons")


_fields: dict[type[hooks.Hook], tuple[str, ...]] = {}


def _args(event: hooks.Hook) -> list[Any]:
    """`event.args()`, without going through its dataclass's fields for every event."""
    names = _fields.get(type(event))
    if names is None:
        names = _fields[type(event)] = tuple(f.name for f in dataclasses.fields(event))  # type: ignore[arg-type]
    return [getattr(event, name) for name in names]


def fingerprint() -> str:
    """Of what this module relies on in mitmproxy; "" where its source is not there to be looked at."""
    try:
        source = "".join(inspect.getsource(part) for part in _RELIED_ON if part)
    except (OSError, TypeError):
        return ""
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def _unchecked(_: http.MessageData) -> None:
    """In place of _CHECKS."""


class FastDispatch:
    def __init__(self) -> None:
        self._table: HookTable | None = None

    def configure(self, updated: set[str]) -> None:
        if OPTION in updated:
            (self.install if getattr(ctx.options, OPTION) else self.uninstall)(ctx.master.addons)

    def done(self) -> None:
        self.uninstall(ctx.master.addons)

    def install(self, manager: addonmanager.AddonManager) -> None:
        if self._table:
            return
        is_foreign = type(manager) is not addonmanager.AddonManager or any(name in vars(manager) for name in _REPLACED)
        if is_foreign or fingerprint() not in _KNOWN:
            logger.warning("this mitmproxy is not one that %s knows: its events go the slower way", OPTION)
            return
        self._table = HookTable(manager)
        for name in _REPLACED:
            setattr(manager, name, getattr(self._table, name))
        if _CHECKS:
            http.MessageData.__post_init__ = _unchecked  # type: ignore[method-assign]

    def uninstall(self, manager: addonmanager.AddonManager) -> None:
        if not self._table:
            return
        for name in _REPLACED:
            if getattr(vars(manager).get(name), "__self__", None) is self._table:  # nobody has put another on top
                delattr(manager, name)
        self._table = None
        if _CHECKS:
            http.MessageData.__post_init__ = _CHECKS  # type: ignore[method-assign]
