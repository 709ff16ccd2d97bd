"""Describe why a call is refused, in the words of the error that the client gets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

_NONE: Mapping[str, object] = MappingProxyType({})

_OPENAI_NAMES: Mapping[str, Mapping[str, object]] = {
    "authentication_error": {"type": "invalid_request_error", "code": "invalid_api_key"},
    "permission_error": {"type": "request_forbidden", "code": "permission_denied"},
}
"""The type and code of an error in OpenAI's formats, by its kind, where they are not the kind itself."""


@dataclass(frozen=True, slots=True)
class Denial:
    """State why the proxy does not serve a call, and which error it sends instead."""

    status: int
    """The HTTP status of the error."""
    kind: str
    """The type of the error, one word such as budget_exceeded."""
    message: str
    """The text for people: what happened, and what to do."""
    retry_after: int | None = None
    """Seconds until a retry may succeed; None where no retry can, and the SDKs then do not retry."""
    blocked_by: str = ""
    """The part of the configuration that refuses the call: budget, rule, unknown_model or unmetered; "" else."""
    openai: Mapping[str, object] = field(default=_NONE, hash=False)
    """What the error says besides, or in place of its type and code, in OpenAI's formats."""

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that tell an SDK whether to retry, and when."""
        return {"x-should-retry": "false"} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    def anthropic_body(self) -> dict[str, Any]:
        """Return the error as Anthropic's SDK expects it."""
        return {"type": "error", "error": {"type": self.kind, "message": self.message}}

    def openai_error(self) -> dict[str, Any]:
        """Return the error object as OpenAI's SDK expects it."""
        names = {"message": self.message, "type": self.kind, "param": None, "code": self.kind}
        return {**names, **_OPENAI_NAMES.get(self.kind, _NONE), **self.openai}

    def body_for_any(self) -> dict[str, Any]:
        """Return the error in the shapes of Anthropic and OpenAI at once, for when no provider is known."""
        return {"type": "error", "error": {**self.openai_error(), "type": self.kind}}


def unauthenticated(message: str) -> Denial:
    """Deny a request that does not show who makes it: both vendors' SDKs raise their AuthenticationError."""
    return Denial(401, "authentication_error", message)


def forbidden(message: str) -> Denial:
    """Deny a caller what it may not have: both vendors' SDKs raise their PermissionDeniedError."""
    return Denial(403, "permission_error", message)


def invalid(error: ValueError) -> Denial:
    """Deny a request for the reason that the error states. The error must not quote the body."""
    return Denial(400, "invalid_request_error", f"The request cannot be used: {error}.")


def too_heavy(error: ValueError) -> Denial:
    """Deny a request that is small as it comes, but would take too much once it is read; the error says of what."""
    return Denial(413, "request_too_large", f"The request is too large: {error}.")


def too_large(what: str, limit: int) -> Denial:
    """Deny a request because `what` is larger than `limit` bytes."""
    message = f"The {what} is larger than {limit} bytes, the limit that MAX_REQUEST_BYTES sets."
    return Denial(413, "request_too_large", message)
