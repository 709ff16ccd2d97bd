"""Describe why a call is refused, in the words of the error that the client gets."""

from dataclasses import dataclass


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

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that tell an SDK whether to retry, and when."""
        return {"x-should-retry": "false"} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


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
