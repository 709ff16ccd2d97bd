"""Describe why a call is refused, in the words of the error that the client gets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

_NONE: Mapping[str, Any] = MappingProxyType({})

_OPENAI_NAMES: Mapping[str, Mapping[str, str]] = {
    "authentication_error": {"type": "invalid_request_error", "code": "invalid_api_key"},
    "permission_error": {"type": "invalid_request_error", "code": "permission_denied"},
}
"""The type and the code of an error in OpenAI's formats, by its kind, where they are not the kind itself."""


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
    openai: Mapping[str, Any] = field(default=_NONE, hash=False)
    """Members of the error in OpenAI's formats, besides or in place of the usual ones."""
    openai_headers: Mapping[str, str] = field(default=_NONE, hash=False)
    """Headers that the answer has in OpenAI's formats besides the others."""

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that tell an SDK whether to retry, and when."""
        return {"x-should-retry": "false"} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    def headers_for(self, family: str) -> dict[str, str]:
        """Return the headers of an answer in the formats of `anthropic` or `openai`; "" is for when none is known."""
        return {**self.headers, **self.openai_headers} if family == "openai" else self.headers

    def anthropic_body(self) -> dict[str, Any]:
        """Return the error as Anthropic's SDK expects it."""
        return {"type": "error", "error": {"type": self.kind, "message": self.message}}

    def openai_error(self) -> dict[str, Any]:
        """Return the error as OpenAI's SDK expects it; a body has it as its member `error`."""
        names = {"message": self.message, "type": self.kind, "param": None, "code": self.kind}
        return {**names, **_OPENAI_NAMES.get(self.kind, _NONE), **self.openai}

    def openai_body(self) -> dict[str, Any]:
        return {"error": self.openai_error()}

    def body_for_any(self) -> dict[str, Any]:
        """Return the error in the shapes of Anthropic and OpenAI at once, for when no provider is known."""
        return {"type": "error", "error": {**self.openai_error(), "type": self.kind}}


def unauthenticated(message: str) -> Denial:
    """Deny a request that does not show who makes it: both vendors' SDKs raise their AuthenticationError."""
    return Denial(401, "authentication_error", message)


def forbidden(message: str) -> Denial:
    """Deny a caller what it may not have: both vendors' SDKs raise their PermissionDeniedError."""
    return Denial(403, "permission_error", message)


def budget_spent(status: int, reason: str, starts_anew: datetime) -> Denial:
    """Deny a call whose budget is spent until `starts_anew`; `reason` says which one, in a sentence without its end.

    Codex shows neither the message nor the code of an error: of the type `usage_limit_reached` it shows when to try
    again, and the header, where there is one, as "You've hit your usage limit. <header>, or try again at <time>."
    Source: UsageLimitReachedError in codex-rs/protocol/src/error.rs, and codex-rs/codex-api/src/api_bridge.rs. Programs
    that know ModelTrack go by the code.
    """
    day = f"{starts_anew.day} {starts_anew:%B}"
    return Denial(
        status,
        "budget_exceeded",
        f"{reason}. Raise it in budgets.json, or wait until it starts anew on {day} (UTC).",
        blocked_by="budget",
        openai={"type": "usage_limit_reached", "resets_at": int(starts_anew.timestamp())},
        openai_headers={"x-codex-promo-message": f"{reason}. Raise it in budgets.json"},
    )


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
