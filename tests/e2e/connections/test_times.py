"""Clients that are too slow, beside a proxy that waits two or three seconds where it would wait 30 or 60."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.absent.by_hand import Client, Provider
from tests.e2e.calls import ANTHROPIC, OPENAI, post
from tests.e2e.conftest import KEY, SCRIPTS, Proxy, until

START = Callable[..., Proxy]
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
HEADER = f"Authorization: Bearer {KEY}\r\n".encode()
POST = b"POST " + ANTHROPIC.encode() + b" HTTP/1.1\r\nHost: x\r\n" + HEADER


def impatient(make_proxy: START, **env: str) -> Proxy:
    proxy = make_proxy(start=False, HEAD_SECONDS="2", BODY_SECONDS="3", UNREAD_SECONDS="3", **env)
    proxy.use("mitmdump", SCRIPTS / "impatient.py")
    return proxy.start().ready()


@pytest.fixture(scope="module", params=["true", "false"], ids=["speed-ups", "no speed-ups"])
def proxy(request: pytest.FixtureRequest, make_proxy: START) -> Proxy:
    return impatient(make_proxy, MODELTRACK_FAST_DISPATCH=request.param)


@pytest.fixture
def client(proxy: Proxy) -> Iterator[Client]:
    with contextlib.closing(Client(proxy)) as made:
        yield made


@pytest.fixture
def tunnel(proxy: Proxy) -> Iterator[Client]:
    with contextlib.closing(Client(proxy, OPENAI, tunnel=True)) as made:
        yield made


def too_slow(proxy: Proxy) -> int:
    found: int = proxy.get("/stats")["connections"]["too_slow"]
    return found


def trickle(client: Client, stop: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while not stop.wait(0.1):
            client.socket.send(b"x")


def answers(received: bytes) -> list[tuple[int, bytes]]:
    """Return status and body of each of the answers."""
    return [(int(part[:3]), part.partition(b"\r\n\r\n")[2]) for part in received.split(b"HTTP/1.1 ")[1:]]


HEAD, BODY = (
    "the head of the request did not arrive within 2 seconds",
    "no part of the request's body arrived for 3 seconds",
)
UNFINISHED = {
    "head": (b"GET /healthz HTTP/1.1\r\nA: ", HEAD),
    "CONNECT": (b"CONNECT api.openai.com:443 HTTP/1.1\r\nA: ", HEAD),
    "body": (POST + b"Content-Length: 100\r\n\r\n{", BODY),
    "whole body but a byte": (POST + b"Content-Length: 3\r\n\r\n{}", BODY),
    "chunk": (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", BODY),
    "size of a chunk": (POST + b"Transfer-Encoding: chunked\r\n\r\n9", BODY),
    "after 100": (POST + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n", BODY),
}


@pytest.mark.parametrize("before", [b"", GET], ids=["first", "after another"])
def test_a_message_that_does_not_come_to_its_end_is_a_408(proxy: Proxy, before: bytes) -> None:
    earlier = too_slow(proxy)
    with contextlib.ExitStack() as stack:
        clients = {name: stack.enter_context(contextlib.closing(Client(proxy))) for name in UNFINISHED}
        for name, client in clients.items():
            client.socket.sendall(before + UNFINISHED[name][0])
        for name, client in clients.items():
            *others, (status, body) = answers(client.read_all())
            assert [status for status, _ in others if status != 100] == ([200] if before else []), name
            assert status == 408 and UNFINISHED[name][1] in json.loads(body)["error"]["message"], name
    until(lambda: too_slow(proxy) == earlier + len(UNFINISHED))
    stats = proxy.get("/stats")
    assert (stats["in_flight"], stats["reserved_usd"]) == (0, 0) and "Traceback" not in proxy.log


def test_a_head_that_comes_byte_by_byte_is_cut_off_all_the_same(client: Client) -> None:
    stop = threading.Event()
    client.socket.sendall(b"GET /healthz HTTP/1.1\r\nA: ")
    thread = threading.Thread(target=trickle, args=(client, stop))
    thread.start()
    try:
        assert client.read_until(b"}}").startswith(b"HTTP/1.1 408 ")
    finally:
        stop.set()
        thread.join()


def test_a_body_that_comes_bit_by_bit_is_taken(client: Client) -> None:
    message = {"role": "user", "content": "bit by bit"}
    content = json.dumps({"model": "claude-sonnet-4-6", "max_tokens": 9, "messages": [message]}).encode()
    client.socket.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(content))
    pause = threading.Event()
    for start in range(0, len(content), 10):
        client.socket.sendall(content[start : start + 10])
        pause.wait(0.3)
    assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_a_408_in_a_tunnel_is_encrypted_too(tunnel: Client) -> None:
    tunnel.socket.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\nA: ")
    [(status, body)] = answers(tunnel.read_all())
    assert status == 408 and json.loads(body)["error"]["code"]


@pytest.mark.parametrize("begin", [b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"], ids=["a byte", "a part of a hello"])
def test_a_handshake_that_does_not_come_to_its_end_is_closed(proxy: Proxy, client: Client, begin: bytes) -> None:
    client.socket.sendall(b"CONNECT api.openai.com:443 HTTP/1.1\r\n\r\n")
    client.read_until(b"\r\n\r\n")
    client.socket.sendall(begin)
    assert client.read_all() == b""


def test_who_has_sent_nothing_more_may_stay(proxy: Proxy, client: Client, tunnel: Client) -> None:
    silent = contextlib.closing(Client(proxy))
    with silent as third:
        client.socket.sendall(GET)
        client.read_until(b"}")
        begun = Client(proxy)
        begun.socket.sendall(b"GET / HTTP/1.1\r\n")
        assert answers(begun.read_all())[0][0] == 408  # so others have waited long enough by now
        begun.close()
        for each in (client, third):
            each.socket.sendall(GET)
            assert each.read_until(b"}").startswith(b"HTTP/1.1 200 ")
        tunnel.ask("in a tunnel")
        assert tunnel.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_a_call_that_takes_long_is_no_slow_client(proxy: Proxy, client: Client) -> None:
    client.ask("held", "X-Fake: delay=5")
    assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    assert post(proxy, "after").status_code == 200


def test_a_body_that_was_refused_before_its_end_is_not_answered_twice(client: Client) -> None:
    client.socket.sendall(POST + b"Content-Length: 999999999\r\n\r\n{")
    found = answers(client.read_all())
    assert [status for status, _ in found] in ([413], [408])


def test_a_client_that_does_not_read_the_end_of_its_answer_is_cut(make_proxy: START) -> None:
    with Provider() as provider:
        proxy = impatient(make_proxy, OPENAI_BASE_URL=provider.url)
        until(lambda: proxy.get("/stats")["connections"]["now"] == 1)
        with contextlib.closing(Client(proxy)) as client:
            client.ask("deaf", "Connection: close")
            provider.next().answer({"model": "gpt-4o", "choices": ["x" * 30_000_000]})
            until(lambda: proxy.events(app_id="deaf"))
            assert proxy.get("/stats")["connections"]["now"] == 2
            until(lambda: proxy.get("/stats")["connections"]["now"] == 1)
            with contextlib.suppress(ConnectionResetError):
                assert len(client.read_all()) < 30_000_000
