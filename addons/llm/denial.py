"""The one kind of "no": why a call is not served, as the error that the client gets."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Denial:
    status: int
    kind: str
    """The error's type, one word such as budget_exceeded."""
    message: str
    """States what happened and what to do."""
    retry_after: int | None = None
    """Seconds; None says that a retry cannot help, and the SDKs then do not try one."""
    blocked_by: str = ""
    """`budget`, `rule` or `unknown_model` where ModelTrack's configuration refuses the call; "" for other errors."""

    @property
    def headers(self) -> dict[str, str]:
        """The headers that tell an SDK whether, and when, to try again."""
        return {"x-should-retry": "false"} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


def invalid(error: ValueError) -> Denial:
    """Deny a request for the reason that the error states, which quotes nothing of its body."""
    return Denial(400, "invalid_request_error", f"The request cannot be used: {error}.")


def too_large(what: str, limit: int) -> Denial:
    """Deny what is larger than `limit` bytes."""
    message = f"The {what} is larger than {limit} bytes, the limit that MAX_REQUEST_BYTES sets."
    return Denial(413, "request_too_large", message)
