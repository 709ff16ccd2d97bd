"""What a provider sends that is not simply an answer, byte by byte, and its connections."""

import json
import socket
import subprocess
import sys

import pytest

from tests.e2e.absent.by_hand import ANSWER, NewClient, Provider, only_event
from tests.e2e.conftest import KEY, SECRET, Proxy, until
from tests.e2e.wire.test_heads import HEAD

INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"


def test_an_interim_answer_is_not_the_answer(new_client: NewClient, proxy: Proxy, provider: Provider) -> None:
    app = f"interim {proxy.url}"
    client = new_client(proxy).ask(app, stop=[app])
    asked = provider.next()
    asked.connection.sendall(INTERIM)
    asked.answer(ANSWER)
    assert b"HTTP/1.1 200 " in client.read_until(b'"completion_tokens": 200')
    assert only_event(proxy, app)["status_code"] == 200


def test_a_client_that_waits_for_its_continue_gets_it_and_then_its_answer_or_the_error(
    new_client: NewClient,
    proxy: Proxy,
    provider: Provider,
) -> None:
    for answers in (True, False):
        app = f"expects {answers} {proxy.url}"
        body = json.dumps({"model": "gpt-4o", "messages": [], "stop": [app]}).encode()
        client = new_client(proxy)
        head = HEAD % app.encode() + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
        client.socket.sendall(head)
        assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        client.socket.sendall(body)
        asked = provider.next()
        assert b"expect" not in asked.head.lower()
        if answers:
            asked.answer(ANSWER)
            assert client.read_until(b"tokens").startswith(b"HTTP/1.1 200 ")
        else:
            asked.connection.close()
            assert client.read_all().startswith(b"HTTP/1.1 502 ")
        only_event(proxy, app)


BROKEN = {
    "no HTTP": (f"{KEY}\r\n\r\n".encode(), "upstream_protocol_error"),
    "a head that is too large": (b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 70_000, "upstream_protocol_error"),
    "too many interim answers": (INTERIM * 11, "upstream_protocol_error"),
    "a switch nobody asked for": (b"HTTP/1.1 101 X\r\nUpgrade: x\r\n\r\n", "upstream_protocol_error"),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "upstream_protocol_error"),
    "a chunk that is none": (
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{KEY}\r\n".encode(),
        "upstream_protocol_error",
    ),
    "half a head": (f"HTTP/1.1 200 OK\r\nX-A: {KEY}".encode(), "upstream_disconnected"),
    "nothing": (b"", "upstream_disconnected"),
    "half a body": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "upstream_disconnected"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_an_answer_that_breaks_the_rules_is_called_by_its_name(
    new_client: NewClient,
    proxy: Proxy,
    provider: Provider,
    what: str,
) -> None:
    data, kind = BROKEN[what]
    app = f"{what} {proxy.url}"
    client = new_client(proxy).ask(app, stop=[app])
    asked = provider.next()
    asked.connection.sendall(data)
    if kind == "upstream_disconnected":
        asked.connection.close()
    answered = client.read_all()
    error = json.loads(answered.partition(b"\r\n\r\n")[2])["error"]
    assert answered.startswith(b"HTTP/1.1 502 ") and error["type"] == kind
    assert "could not be reached" not in error["message"] and SECRET not in error["message"]
    event = only_event(proxy, app)
    assert (event["status_code"], event["error"]) == (502, kind)
    assert SECRET not in proxy.log


@pytest.mark.skipif(sys.platform != "linux", reason="ss is Linux's")
def test_silent_connections_are_probed_on_both_sides(
    new_client: NewClient,
    proxy: Proxy,
    provider: Provider,
) -> None:
    app = f"probed {proxy.url}"
    client = new_client(proxy).ask(app, stop=[app])
    asked = provider.next()
    ports = [asked.connection.getpeername()[1], client.socket.getpeername()[1]]

    def timers() -> list[str]:
        shown = subprocess.run(["ss", "-tnoH", "state", "established"], capture_output=True, text=True, check=True)
        lines = [line.split() for line in shown.stdout.splitlines()]
        others = [asked.connection.getsockname()[1], client.socket.getsockname()[1]]
        wanted = {(f":{ours}", f":{theirs}") for ours, theirs in zip(ports, others, strict=True)}
        found = [line[-1] for line in lines if any(line[2].endswith(a) and line[3].endswith(b) for a, b in wanted)]
        return found

    until(lambda: len(timers()) == 2 and all("keepalive" in timer for timer in timers()))
    asked.answer(ANSWER)
    client.read_until(b"tokens")


def test_a_client_stays_while_its_provider_closes_after_each_answer(
    new_client: NewClient,
    proxy: Proxy,
    provider: Provider,
) -> None:
    client = new_client(proxy)
    for number in range(20):
        client.ask("reconnects", stop=[f"{number} {proxy.url}"])
        asked = provider.next()
        asked.answer(ANSWER)
        asked.connection.shutdown(socket.SHUT_WR)
        assert client.read_until(b'"completion_tokens": 200').startswith(b"HTTP/1.1 200 ")
        assert asked.is_hung_up()
    assert "crashed" not in proxy.log and "Traceback" not in proxy.log
