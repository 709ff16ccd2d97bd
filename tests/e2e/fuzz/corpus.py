"""Real requests and real answers, as bytes: what the mutations begin with."""

import gzip
import json
import struct
import zlib
from typing import Any

from tests.e2e.conftest import KEY, PROMPT

MODEL = "gpt-4o"
"""The model of most requests, of those on a WebSocket too."""

_MESSAGES = [{"role": "user", "content": PROMPT}]
_CHAT = {"model": MODEL, "max_tokens": 20, "messages": _MESSAGES}
_CLAUDE = {"model": "claude-sonnet-4-6", "max_tokens": 20, "messages": _MESSAGES}


def request(
    path: str, body: Any = None, *headers: str, method: str = "POST", version: str = "HTTP/1.1", app: str = "requests"
) -> bytes:
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    usual = [
        "Host: localhost",
        f"Authorization: Bearer {KEY}",
        "X-ModelTrack-Team: fuzz",
        *([f"X-ModelTrack-App: {app}"] if app else []),
    ]
    length = [] if any("Transfer-Encoding" in each for each in headers) else [f"Content-Length: {len(content)}"]
    return "\r\n".join([f"{method} {path} {version}", *usual, *headers, *length, "", ""]).encode() + content


def chunked(content: bytes, size: int = 40) -> bytes:
    pieces = (content[at : at + size] for at in range(0, len(content), size))
    return b"".join(b"%x;a=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nTrailer: 1\r\n\r\n"


def frame(payload: bytes, opcode: int = 1) -> bytes:
    """Return a WebSocket frame as a client sends it, masked."""
    mask = b"\x01\x02\x03\x04"
    size = struct.pack("!B", 0x80 | len(payload)) if len(payload) < 126 else struct.pack("!BH", 0xFE, len(payload))
    return bytes([0x80 | opcode]) + size + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


_CHUNKED = ("Transfer-Encoding: chunked",)
_UPGRADE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==",
    "Sec-WebSocket-Version: 13",
)
_CREATE = json.dumps({"type": "response.create", "model": "gpt-4o", "input": PROMPT}).encode()
_TOOLS = [{"name": "t", "input_schema": {"type": "object", "properties": {"a": {"type": "integer", "maximum": 1e19}}}}]

REQUESTS = [
    request("/v1/messages", _CLAUDE, "anthropic-version: 2023-06-01"),
    request("/v1/messages?beta=true", _CLAUDE | {"stream": True, "tools": _TOOLS}, "anthropic-version: 2023-06-01"),
    request("/v1/chat/completions", _CHAT),
    request("/v1/chat/completions", _CHAT | {"stream": True, "n": 2, "user": "é"}),
    request("/v1/responses", {"model": "gpt-4o", "input": PROMPT, "stream": True}),
    request("/v1/embeddings", {"model": "text-embedding-3-small", "input": [[1, 2, 3], [4]]}),
    request("/v1/chat/completions", gzip.compress(json.dumps(_CHAT).encode()), "Content-Encoding: gzip"),
    request("/v1/chat/completions", zlib.compress(json.dumps(_CHAT).encode()), "Content-Encoding: deflate"),
    request("/v1/chat/completions", chunked(json.dumps(_CHAT).encode()), *_CHUNKED),
    request("/bedrock/model/anthropic.claude-sonnet-4-6/invoke", {"anthropic_version": "bedrock-2023-05-31"} | _CLAUDE),
    request(
        "/bedrock/model/anthropic.claude-sonnet-4-6/converse",
        {"messages": [{"role": "user", "content": [{"text": PROMPT}]}]},
    ),
    request("/v1/messages/count_tokens", _CLAUDE),
    request(
        "/v1/files",
        b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--",
        "Content-Type: multipart/form-data; boundary=b",
    ),
    request("/v1/chat/completions", _CHAT, "Expect: 100-continue"),
    request(
        "/v1/chat/completions", _CHAT, "X-ModelTrack-Team: FUZZ", "X-ModelTrack-No-Cache: 1", "traceparent: 00-1-2-01"
    ),
    request("/v1/chat/completions", _CHAT, version="HTTP/1.0"),
    request("/v1/models", method="GET") + request("/v1/chat/completions", _CHAT),
    request("/stats", method="GET"),
    request("/metrics", method="HEAD"),
    request("*", method="OPTIONS"),
    request("/v1/responses", None, *_UPGRADE, method="GET") + frame(_CREATE) + frame(b"", 9) + frame(b"\x03\xe8", 8),
    b"CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\n\r\n" + request("/v1/chat/completions", _CHAT),
    b"CONNECT example.org:443 HTTP/1.1\r\nProxy-Authorization: Basic dGVhbTphcHA=\r\n\r\n\x16\x03\x01\x00\x05hello",
    request("http://localhost/v1/chat/completions", _CHAT),
]
"""All go to the fake provider or nowhere: a mutation of one names no host that a call would be sent to."""


def call(number: int) -> bytes:
    """Return a call for the provider whose answers are mutated; the header names the mutation."""
    body = _CHAT | {"stream": number % 2 == 0}
    headers = (f"X-Number: {number}", "X-ModelTrack-No-Cache: 1", "X-ModelTrack-App: answers")
    return request("/v1/chat/completions", body, *headers, app="")


_USAGE = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}
_WHOLE = json.dumps(
    {"id": "c", "model": "gpt-4o", "choices": [{"message": {"content": "hi"}}], "usage": _USAGE}
).encode()
_EVENTS = b"".join(
    b"data: %s\n\n" % (event if isinstance(event, bytes) else json.dumps(event).encode())
    for event in (
        {"model": "gpt-4o", "choices": [{"index": 0, "delta": {"content": "hi"}}]},
        {"model": "gpt-4o", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"model": "gpt-4o", "choices": [], "usage": _USAGE},
        b"[DONE]",
    )
)


def answer(content: bytes, *headers: str, status: str = "200 OK", has_length: bool = True) -> bytes:
    length = [f"Content-Length: {len(content)}"] if has_length else []
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, *length, "", ""]).encode() + content


_JSON, _SSE = "Content-Type: application/json", "Content-Type: text/event-stream"
_EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"

ANSWERS = [
    answer(_WHOLE, _JSON),
    answer(_EVENTS, _SSE),
    answer(chunked(_WHOLE), _JSON, "Transfer-Encoding: chunked", has_length=False),
    answer(chunked(_EVENTS), _SSE, "Transfer-Encoding: chunked", has_length=False),
    answer(gzip.compress(_WHOLE), _JSON, "Content-Encoding: gzip"),
    answer(gzip.compress(_EVENTS), _SSE, "Content-Encoding: gzip"),
    answer(_EVENTS, _SSE, "Connection: close", has_length=False),
    answer(b'{"error": {"type": "server_error", "message": "no"}}', _JSON, status="500 Internal Server Error"),
    answer(b"<html>login</html>", "Content-Type: text/html"),
    b"HTTP/1.1 100 Continue\r\n\r\n" + answer(_WHOLE, _JSON),
    _EARLY + _EARLY + answer(_EVENTS, _SSE),
    answer(b"", status="204 No Content"),
    answer(b"", "Location: /elsewhere", status="307 Temporary Redirect"),
]
