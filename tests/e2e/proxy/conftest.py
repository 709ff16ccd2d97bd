"""A provider that answers with any bytes, for the tests of this folder."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest


@pytest.fixture(scope="module")
def raw_upstream() -> Iterator[Callable[[bytes], str]]:
    """Serves bytes, whatever it is asked, and closes."""
    servers: list[socket.socket] = []

    def serve(answer: bytes) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def run() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    client.recv(65536)
                    client.sendall(answer)
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(65536):
                        pass

        threading.Thread(target=run, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}"

    yield serve
    for server in servers:
        server.close()
