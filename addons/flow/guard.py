"""No exception may leave a hook: mitmproxy would log it, skip the addons after it, and send the request on."""

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
    """Its type and where it was raised; not its message, which may quote a body or a header."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + place


def guarded[A: Guarded](
    hook: Callable[[A, http.HTTPFlow], Awaitable[None] | None],
) -> Callable[[A, http.HTTPFlow], Awaitable[None] | None]:
    """For a hook that waits for nothing, or gives back what is to be awaited when it has to wait."""

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
        logger.error("%s could not recover: %s", type(addon).__name__, describe(second))
        if flow.killable:
            flow.kill()
