"""Bodies that are small as they come, and would be large once they are read."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import brotli
import pytest
import zstandard

from tests.e2e.bodies.memory import peak_mb
from tests.e2e.calls import ANTHROPIC, OPENAI, send
from tests.e2e.conftest import Proxy

MB = 2**20
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "br": lambda data: brotli.compress(data, quality=5),
    "zstd": zstandard.ZstdCompressor().compress,
    "gzip, gzip": lambda data: gzip.compress(gzip.compress(data)),
}


@pytest.fixture(scope="module")
def proxy(make_proxy: Callable[..., Proxy]) -> Proxy:
    return make_proxy()


def asks(content: Any) -> bytes:
    return json.dumps({"model": "gpt-4o", "max_tokens": 9, "messages": content}).encode()


@pytest.mark.parametrize("packing", PACKERS)
def test_a_bomb_is_refused_before_it_is_unpacked(proxy: Proxy, packing: str) -> None:
    bomb = PACKERS[packing](asks("x" * 50 * MB))
    send(proxy.url + OPENAI, asks("warm up"))
    before = peak_mb(proxy)
    answer = send(proxy.url + OPENAI, bomb, **{"Content-Encoding": packing, "X-ModelTrack-App": packing})
    assert (answer.status_code, answer.json()["error"]["type"]) == (413, "request_too_large")
    assert "more than 200 times its size" in answer.json()["error"]["message"]
    assert peak_mb(proxy) - before < 25
    [event] = proxy.events(app_id=packing)
    assert (event["status_code"], event["cost_usd"], event["error"]) == (413, 0, "request_too_large")


def test_a_third_packing_is_refused(proxy: Proxy) -> None:
    packed = gzip.compress(PACKERS["gzip, gzip"](asks("x")))
    answer = send(proxy.url + OPENAI, packed, **{"Content-Encoding": "gzip, gzip, gzip"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("path", [ANTHROPIC, OPENAI])
def test_a_body_of_millions_of_values_is_refused_before_they_are_made(proxy: Proxy, path: str, packed: bool) -> None:
    content = asks(["", *range(10)] * 1_000_000)
    headers = {"X-ModelTrack-App": f"values {path} {packed}"}
    if packed:
        content, headers["Content-Encoding"] = gzip.compress(content), "gzip"
    send(proxy.url + path, asks("x" * len(content)))  # memory for a body of its size
    before = peak_mb(proxy)
    answer = send(proxy.url + path, content, **headers)
    assert answer.status_code == 413
    if not packed:
        assert "more than 1000000 JSON values" in answer.json()["error"]["message"]
    assert peak_mb(proxy) - before < 60
    [event] = proxy.events(app_id=headers["X-ModelTrack-App"])
    assert (event["status_code"], event["error"]) == (413, "request_too_large")


def test_a_body_that_is_large_for_its_text_is_taken(proxy: Proxy) -> None:
    text = 'He said, "no, [not] {that}".\n' * 400_000
    answer = send(proxy.url + OPENAI, asks([{"role": "user", "content": text}]))
    assert answer.status_code == 200
