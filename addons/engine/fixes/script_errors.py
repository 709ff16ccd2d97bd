"""ScriptErrors: let an error in one script's hook skip no other addon's.

To AddonManager all scripts are one entry of its chain, and an error ends the entry: what another script raises would
let a request past the budgets, and a call would lose its event and keep its reservation. Its options are checked by the
same hooks (`configure`), which an error would skip as well.
"""

import inspect
from collections.abc import Iterator
from typing import Any

from mitmproxy import addonmanager, exceptions, hooks

from addons.engine.hooks import Call, below, report
from addons.engine.replacing import Fix, Replacement
from addons.engine.touchpoints.for_fixes import SCRIPT_ERRORS


def _calls(manager: addonmanager.AddonManager, name: str) -> Iterator[Call]:
    for addon in manager.chain:
        yield from below(addon, name)


async def trigger_event(self: addonmanager.AddonManager, event: hooks.Hook) -> None:
    """Call all hooks for an event, and await those that wait. Raises OptionsError if one does; others are logged."""
    for call in _calls(self, event.name):
        try:
            result = call(*event.args())
            if result is not None and inspect.isawaitable(result):
                await result
        except exceptions.AddonHalt:
            return
        except exceptions.OptionsError:
            raise
        except Exception as error:
            report(error, "trigger_event")


def trigger(self: addonmanager.AddonManager, event: hooks.Hook) -> None:
    """Call all hooks for an event, none of which may wait. Raises OptionsError if one does; other errors are logged."""
    for call in _calls(self, event.name):
        try:
            if inspect.iscoroutinefunction(call):
                raise exceptions.AddonManagerError(f"Async handler {event.name} cannot be called from sync context")
            call(*event.args())
        except exceptions.AddonHalt:
            return
        except exceptions.OptionsError:
            raise
        except Exception as error:
            report(error, "trigger")


_manager: Any = addonmanager.AddonManager


class ScriptErrors(Fix):
    name = "errors of scripts"
    relies_on = SCRIPT_ERRORS
    replacements = (
        Replacement(_manager, "trigger_event", trigger_event),
        Replacement(_manager, "trigger", trigger),
    )
