"""While one body is read, others are served: what they wait is measured by asking for a status page again and again.

The figures on a quiet machine are in docs/limits.md. What is asserted leaves room for a busy one, where all takes
longer, and is far below what a body takes that is read in one go: half a second for 60 MB, of one in all. A machine
may pause for as long, but not at each try.
"""

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.calls import OPENAI, send
from tests.e2e.conftest import Proxy

MB = 2**20
MOST_SECONDS, MOST_SHARE = 0.25, 0.2


@pytest.fixture(scope="module")
def proxy(make_proxy: Callable[..., Proxy]) -> Proxy:
    return make_proxy().ready()


class Probe:
    """Asks for /healthz all the time, and notes how long the longest answer took."""

    def __init__(self, url: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=60)
        self._has_begun, self._is_over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.longest = 0.0

    def _ask(self) -> None:
        while not self._is_over.wait(0.001):
            begun = time.perf_counter()
            self._socket.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert self._socket.recv(65536).startswith(b"HTTP/1.1 200 ")
            self.longest = max(self.longest, time.perf_counter() - begun)
            self._has_begun.set()

    def __enter__(self) -> "Probe":
        self._thread.start()
        self._has_begun.wait()
        self.longest = 0.0
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        self._socket.close()


def waits_little(proxy: Proxy, content: bytes, status: int, **headers: str) -> bool:
    """Tell whether others wait little while a body is sent and read, at one of five tries."""
    for _ in range(5):
        with Probe(proxy.url) as probe:
            begun = time.perf_counter()
            answer = send(proxy.url + OPENAI, content, **{"X-ModelTrack-No-Cache": "1"}, **headers)
            seconds = time.perf_counter() - begun
        assert answer.status_code == status
        if probe.longest < max(MOST_SECONDS, MOST_SHARE * seconds):
            return True
    return False


BODIES: dict[str, Callable[[], Any]] = {
    "a file of 60 MB": lambda: "QUJD" * 15 * MB,
    "prose of 60 MB": lambda: 'He said, "no, [not] {that}".\n' * (60 * MB // 34),
    "prose that is not ASCII": lambda: "Ich könnte \u20ac sagen. " * (60 * MB // 27),
    "900,000 numbers": lambda: list(range(900_000)),
    "120,000 objects": lambda: [{"type": "text", "text": "a"}] * 120_000,
}


@pytest.mark.parametrize("kind", BODIES)
def test_others_are_served_while_a_large_body_is_read(proxy: Proxy, kind: str) -> None:
    messages = [{"role": "user", "content": BODIES[kind]()}]
    content = json.dumps({"model": "gpt-4o", "max_tokens": 9, "messages": messages}, ensure_ascii=False).encode()
    assert waits_little(proxy, content, 200)


def test_others_are_served_while_a_body_is_unpacked(proxy: Proxy) -> None:
    numbers = gzip.compress(json.dumps(list(range(2_000_000))).encode())
    assert waits_little(proxy, numbers, 413, **{"Content-Encoding": "gzip"})


def test_a_large_body_is_in_the_cache_for_the_same_body_alone(proxy: Proxy) -> None:
    def asked(text: str) -> str:
        body = {"model": "gpt-4o", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}
        return send(proxy.url + OPENAI, body).headers["X-ModelTrack-Cache"]

    text = "x" * 6 * MB
    assert [asked(text), asked(text), asked(text[: 3 * MB] + "y" + text[3 * MB + 1 :])] == ["MISS", "HIT", "MISS"]
