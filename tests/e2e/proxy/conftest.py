"""A provider that answers with any bytes, for the tests of this folder."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.conftest import Proxy


class RawProvider:
    """Sends `answer`, whatever it is asked, and closes."""

    def __init__(self) -> None:
        self.answer = b""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            with client, contextlib.suppress(OSError):
                client.recv(65536)
                client.sendall(self.answer)
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass

    def close(self) -> None:
        self._server.close()


@pytest.fixture(scope="module")
def proxy_before(make_proxy: Callable[..., Proxy]) -> Iterator[Callable[[bytes], Proxy]]:
    """Gives the one proxy before a provider that answers with these bytes: its tests have a team each."""
    provider = RawProvider()
    proxy = make_proxy(ANTHROPIC_BASE_URL=provider.url)

    def before(answer: bytes) -> Proxy:
        provider.answer = answer
        return proxy

    with contextlib.closing(provider):
        yield before
