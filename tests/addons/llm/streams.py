"""Write streams as providers send them."""

import struct
import zlib
from typing import Any

import orjson


def sse(*events: dict[str, Any], named: bool = False) -> bytes:
    """Return server-sent events; `named` has each begin with an `event:` line that repeats its type."""
    name = [b"event: %b\n" % event["type"].encode() if named else b"" for event in events]
    return b"".join(n + b"data: %b\n\n" % orjson.dumps(event) for n, event in zip(name, events, strict=True))


def aws_message(event: str, payload: bytes) -> bytes:
    """Return one message of AWS's event stream."""
    headers = b""
    for name, value in ((":message-type", "event"), (":event-type", event)):
        headers += struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack("!I", zlib.crc32(message))
