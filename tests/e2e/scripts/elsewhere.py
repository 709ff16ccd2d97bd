"""The chain of addons/main.py on a machine where every TLS host's address is the loopback port in ELSEWHERE."""

import os
import sys
from pathlib import Path

from mitmproxy.proxy.server_hooks import ServerConnectionHookData

sys.path.append(str(Path(__file__).resolve().parents[3]))

from addons.main import addons as chain


class Elsewhere:
    def server_connect(self, data: ServerConnectionHookData) -> None:
        if data.server.address and data.server.address[1] == 443:
            data.server.address = ("127.0.0.1", int(os.environ["ELSEWHERE"]))


addons = [Elsewhere(), *chain]
