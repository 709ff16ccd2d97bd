"""Answers that are larger than is held, packed to blow up, or no answers at all."""

import gzip
import json
import threading

import pytest

from tests.e2e.absent.by_hand import Asked, Client, NewClient, Provider
from tests.e2e.bodies.memory import peak_mb
from tests.e2e.calls import OPENAI
from tests.e2e.conftest import Proxy, until

PIECE = b"x" * 2**20
SIZE = 300 * len(PIECE)
BODY = {"model": "gpt-4o", "max_tokens": 100, "messages": []}
KINDS = {"object": (b'{"choices":"', b'"}'), "page": (b"<html>", b"</html>"), "text": (b"Sign in: ", b".")}


def read_to_end(client: Client) -> int:
    return sum(map(len, iter(lambda: client.socket.recv(2**20), b"")))


def answer_in_pieces(asked: Asked, begin: bytes, end: bytes, with_length: bool) -> int:
    """Send 300 MB and close; return how many bytes were sent, head included."""
    length = f"Content-Length: {len(begin) + SIZE + len(end)}\r\n" if with_length else ""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{length}Connection: close\r\n\r\n".encode()
    asked.connection.sendall(head + begin)
    for _ in range(300):
        asked.connection.sendall(PIECE)
    asked.connection.sendall(end)
    asked.connection.close()
    return len(head) + len(begin) + SIZE + len(end)


def only_event(proxy: Proxy, app: str) -> dict[str, object]:
    [event] = until(lambda: proxy.events(app_id=app))
    until(lambda: proxy.get("/stats")["in_flight"] == 0)
    assert "Traceback" not in proxy.log and "crashed" not in proxy.log
    return event


@pytest.mark.parametrize("with_length", [True, False], ids=["with a length", "without"])
@pytest.mark.parametrize("kind", KINDS)
def test_300_megabytes_pass_through_and_are_not_held(
    proxy: Proxy, provider: Provider, new_client: NewClient, kind: str, with_length: bool
) -> None:
    app = f"{kind} {with_length}"
    client = new_client(proxy, OPENAI)
    client.send(app, json.dumps(BODY).encode(), "X-ModelTrack-No-Cache: 1")
    before = peak_mb(proxy)
    sent: list[int] = []
    asked = provider.next()
    thread = threading.Thread(target=lambda: sent.append(answer_in_pieces(asked, *KINDS[kind], with_length)))
    thread.start()
    got = read_to_end(client)
    thread.join()
    assert got >= sent[0] > SIZE
    assert peak_mb(proxy) - before < 120
    event = only_event(proxy, app)
    if kind == "object":
        assert (event["usage_estimated"], event["error"]) == (True, "unreadable_answer")
    else:
        assert (event["cost_usd"], event["status_code"]) == (0, 200)


@pytest.mark.parametrize("stream", [False, True])
def test_a_bomb_as_an_answer_reaches_the_client_packed_and_is_estimated(
    proxy: Proxy, provider: Provider, new_client: NewClient, stream: bool
) -> None:
    app = f"bomb {stream}"
    asks = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    bomb = gzip.compress(b'{"choices":"' + b"x" * 50 * 2**20 + b'"}')
    client = new_client(proxy, OPENAI)
    client.send(app, json.dumps(BODY | asks).encode(), "X-ModelTrack-No-Cache: 1")
    asked = provider.next()
    before = peak_mb(proxy)
    head = f"Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}"
    asked.connection.sendall(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + bomb)
    assert len(client.read_until(bomb[-8:])) > len(bomb)
    assert peak_mb(proxy) - before < 35
    event = only_event(proxy, app)
    assert (event["usage_estimated"], event["error"]) == (True, "unreadable_answer")


def test_thousands_of_embeddings_are_not_parsed_and_still_have_the_usage_that_was_reported(
    proxy: Proxy, provider: Provider, new_client: NewClient
) -> None:
    client = new_client(proxy, "/v1/embeddings")
    client.send("many", json.dumps({"model": "text-embedding-3-large", "input": "x"}).encode())
    data = [{"object": "embedding", "index": number, "embedding": [0.0123456] * 3072} for number in range(400)]
    usage = {"prompt_tokens": 99, "total_tokens": 99}
    provider.next().answer({"object": "list", "data": data, "model": "text-embedding-3-large", "usage": usage})
    client.read_until(b'"total_tokens": 99}}')
    event = only_event(proxy, "many")
    assert (event["input_tokens"], event.get("usage_estimated")) == (99, None)
