"""Read and write HTTP/1.1 messages, as far as the fake provider needs it."""

import hashlib
from dataclasses import dataclass

_MAX_HEAD = 64 * 1024
_MAX_BODY = 256 * 2**20
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error"}


@dataclass(frozen=True)
class ReceivedRequest:
    method: str
    path: str
    """The path with the query."""
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


def split_head(buffer: bytearray) -> tuple[str, str, list[tuple[str, str]], int] | None:
    """Return method, path, headers and length of a head, once it is complete. Raises ValueError for one too long."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0 and len(buffer) <= _MAX_HEAD:
        return None
    if not 0 <= end <= _MAX_HEAD:
        raise ValueError(f"the headers are larger than {_MAX_HEAD} bytes")
    lines = bytes(buffer[:end]).decode("latin-1").split("\r\n")
    method, path, _ = lines[0].split(" ")
    headers = [(name, value.strip()) for name, colon, value in (line.partition(":") for line in lines[1:]) if colon]
    return method, path, headers, end + 4


def split_body(buffer: bytearray, lower: dict[str, str], at: int) -> tuple[bytes, int] | None:
    """Return the body that begins `at`, and where it ends, once it is complete. Raises ValueError for one too long."""
    if "chunked" in lower.get("transfer-encoding", "").lower():
        return _unchunk(buffer, at)
    size = int(lower.get("content-length", "0"))
    if size > _MAX_BODY:
        raise ValueError(f"the body is larger than {_MAX_BODY} bytes")
    return (bytes(buffer[at : at + size]), at + size) if len(buffer) >= at + size else None


def _unchunk(buffer: bytearray, at: int) -> tuple[bytes, int] | None:
    """Return the body of a chunked message and where it ends, once it is complete. Trailers are not expected."""
    body = bytearray()
    while (line := buffer.find(b"\r\n", at)) >= 0:
        size = int(bytes(buffer[at:line]).partition(b";")[0], 16)
        after = line + 2 + size + 2
        if len(body) + size > _MAX_BODY:
            raise ValueError(f"the body is larger than {_MAX_BODY} bytes")
        if len(buffer) < after:
            return None
        if size == 0:
            return bytes(body), after
        body += buffer[line + 2 : after - 2]
        at = after
    return None


def head(status: int, *headers: str, content_type: str = "application/json") -> bytes:
    """Return the head of an answer; it has no Content-Type where that is ""."""
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}"]
    lines += [f"Content-Type: {content_type}"] if content_type else []
    lines += ["request-id: req_fake", "x-request-id: req_fake", *headers]
    return "\r\n".join([*lines, "\r\n"]).encode()
