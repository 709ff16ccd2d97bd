"""A client that closes its side after its request gets whatever there is to get."""

from collections.abc import Callable

import pytest

from tests.e2e.absent.by_hand import (
    ANSWER,
    BASE_URL_AND_TUNNEL,
    Client,
    NewClient,
    Provider,
    behind,
    only_event,
)
from tests.e2e.conftest import Proxy

PLAIN = "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n"


def asked(client: Client, method: str, path: str, body: bytes = b"", host: str = "127.0.0.1") -> bytes:
    client.socket.sendall(PLAIN.format(method=method, path=path, length=len(body), host=host).encode() + body)
    client.half_close()
    return client.read_all()


@BASE_URL_AND_TUNNEL
def test_an_answer_from_the_cache(new_client: NewClient, proxy: Proxy, provider: Provider, tunnel: bool) -> None:
    app = f"hit {tunnel}"
    first = new_client(proxy, tunnel=tunnel).ask(app, stop=[app])
    provider.next().answer(ANSWER)
    first.read_until(b'"completion_tokens": 200')
    again = new_client(proxy, tunnel=tunnel).ask(f"{app} again", stop=[app])
    again.half_close()
    assert b"X-ModelTrack-Cache: HIT" in again.read_until(b'"completion_tokens": 200')
    assert only_event(proxy, f"{app} again")["status_code"] in (200, 499)  # by when the FIN comes


@BASE_URL_AND_TUNNEL
def test_a_refusal(new_client: NewClient, make_proxy: Callable[..., Proxy], provider: Provider, tunnel: bool) -> None:
    proxy = behind(make_proxy, provider, UNKNOWN_MODEL_PRICE="block")
    client = new_client(proxy, tunnel=tunnel).ask("refused", model="nobody-knows-it")
    client.half_close()
    assert b"unknown_model" in client.read_until(b"param")
    assert only_event(proxy, "refused")["status_code"] in (403, 499)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/stats", 200),
        ("GET", "/nowhere", 404),
        ("GET", "/v1/messages", 405),
        ("POST", "/v1/messages", 400),
    ],
)
def test_what_the_proxy_answers_itself(
    new_client: NewClient, proxy: Proxy, method: str, path: str, status: int
) -> None:
    assert asked(new_client(proxy), method, path, b"{}").startswith(b"HTTP/1.1 %d " % status)
