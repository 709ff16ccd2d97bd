"""The chain of addons/main.py, which starts at the very moment at which a client has left again."""

import asyncio
import sys
from pathlib import Path

from mitmproxy import ctx

sys.path.append(str(Path(__file__).resolve().parents[3]))

from addons.main import addons as chain


class Early:
    async def running(self) -> None:
        proxyserver = ctx.master.addons.get("proxyserver")
        _, writer = await asyncio.open_connection(*proxyserver.listen_addrs()[0][:2])
        writer.close()
        while all(handler.transports for handler in proxyserver.connections.values()) or not proxyserver.connections:
            await asyncio.sleep(0)
        print("a client has left")


addons = [Early(), *chain]
