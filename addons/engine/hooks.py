"""Find the hooks of an addon and of all those below it, one by one, so that an error in one skips no other."""

from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any

from mitmproxy import addonmanager, exceptions

Call = Callable[..., Any]


def below(addon: Any, name: str) -> Iterator[Call]:
    """Yield the hooks of an addon and of all below it, one by one: a hook may change which come after it."""
    try:
        for owner in addonmanager.traverse([addon]):
            if found := hook(owner, name):
                yield found if callable(found) else partial(_cannot_call, name, owner)
    except (exceptions.AddonHalt, exceptions.OptionsError):
        raise
    except Exception as error:  # from a property of an addon, such as `addons`
        report(error, "below")


def hook(addon: Any, name: str) -> Any:
    """Return an addon's hook, None where it has none: an imported module of the same name is no hook."""
    found = getattr(addon, name, None)
    return found if found and not isinstance(found, ModuleType) else None


def report(error: Exception, caller: str) -> None:
    """Log an error as AddonManager does, in its name, with the traceback from below `caller`."""
    trace = addonmanager.cut_traceback(error.__traceback__, caller)
    addonmanager.logger.error(f"Addon error: {error}", exc_info=(type(error), error, trace))


def _cannot_call(name: str, owner: Any, *_: Any) -> None:
    raise exceptions.AddonManagerError(f"Addon handler {name} ({owner}) not callable")
