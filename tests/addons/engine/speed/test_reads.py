"""How much of what has come is read at once."""

import asyncio
from types import SimpleNamespace
from typing import Any

from mitmproxy.connection import Server
from mitmproxy.proxy.server import ConnectionIO

from addons.engine.speed.reads import widen


async def read(reader: Any) -> bytes:
    """Read as mitmproxy does."""
    server = Server(address=("x", 1))
    handler: Any = SimpleNamespace(transports={server: ConnectionIO(reader=reader)})
    widen(handler, server)
    found: bytes = await handler.transports[server].reader.read(65535)
    return found


async def test_what_has_come_of_a_body_is_read_in_one_piece() -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(b"x" * 200_000)
    assert len(await read(reader)) == 200_000


async def test_datagrams_are_read_as_they_come() -> None:
    async def datagram(size: int) -> bytes:
        return b"x" * size

    assert len(await read(SimpleNamespace(read=datagram))) == 65535


async def test_a_connection_that_has_gone_meanwhile_is_none() -> None:
    widen(SimpleNamespace(transports={}), Server(address=("x", 1)))  # type: ignore[arg-type]
