"""Keep exceptions inside a hook: mitmproxy would log one, skip the addons after it, and send the request on."""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Protocol

from mitmproxy import http

logger = logging.getLogger(__name__)


class Guarded(Protocol):
    def failed(self, flow: http.HTTPFlow) -> None:
        """Do what is safe after an exception in one of the addon's hooks."""


def describe(error: BaseException) -> str:
    """Return the error's type and where it was raised, but not its message, which may quote a body or a header."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + place


def guarded[A: Guarded](
    hook: Callable[[A, http.HTTPFlow], Awaitable[None] | None],
) -> Callable[[A, http.HTTPFlow], Awaitable[None] | None]:
    """Wrap a hook, so that after an exception the addon's `failed` is called.

    The hook may wait for something by returning what is to be awaited, which is guarded as well.
    """

    @wraps(hook)
    def guard(addon: A, flow: http.HTTPFlow) -> Awaitable[None] | None:
        try:
            rest = hook(addon, flow)
        except Exception as error:
            _handle(addon, flow, hook.__name__, error)
            return None
        return None if rest is None else _guarded(addon, flow, hook.__name__, rest)

    return guard


async def _guarded(addon: Guarded, flow: http.HTTPFlow, hook: str, rest: Awaitable[None]) -> None:
    try:
        await rest
    except asyncio.CancelledError:
        addon.failed(flow)
        raise
    except Exception as error:
        _handle(addon, flow, hook, error)


def _handle(addon: Guarded, flow: http.HTTPFlow, hook: str, error: Exception) -> None:
    logger.error("%s.%s failed: %s", type(addon).__name__, hook, describe(error))
    try:
        addon.failed(flow)
    except Exception as second:
        logger.error("%s could not handle that either, so the flow ends: %s", type(addon).__name__, describe(second))
        if flow.killable:
            flow.kill()
