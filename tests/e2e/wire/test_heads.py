"""Heads, framing and upstream connections that are out of bounds, byte by byte, on real processes."""

import json
import sys

import pytest

from tests.e2e.absent.by_hand import Client, NewClient
from tests.e2e.calls import OPENAI
from tests.e2e.conftest import KEY, SECRET, Proxy, until

MEGABYTE = b"a" * 2**20
HEAD = f"POST {OPENAI} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nX-ModelTrack-App: %s\r\n".encode()


def resident(proxy: Proxy) -> int:
    """Return the process's memory in bytes."""
    with open(f"/proc/{proxy.process.pid}/statm") as file:
        return int(file.read().split()[1]) * 4096


def pour(client: Client, data: bytes, megabytes: int) -> bytes:
    """Send as much as is taken, and return what is answered."""
    answered = b""
    try:
        client.socket.sendall(data)
        for _ in range(megabytes):
            client.socket.sendall(MEGABYTE)
    except OSError:
        pass
    try:
        while piece := client.socket.recv(65536):
            answered += piece
    except OSError:
        pass
    return answered


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("start", "status", "kind"),
    [
        (b"GET /", 414, "uri_too_long"),
        (b"GET / HTTP/1.1\r\nX-A: ", 431, "head_too_large"),
        (HEAD % b"x" + b"Transfer-Encoding: chunked\r\n\r\n5;", 431, "invalid_request_error"),
        (HEAD % b"x" + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-A: ", 431, "invalid_request_error"),
    ],
    ids=["first line", "head", "chunk extension", "trailers"],
)
def test_eighty_megabytes_of_what_is_no_body_are_never_held(
    new_client: NewClient,
    proxy: Proxy,
    start: bytes,
    status: int,
    kind: str,
) -> None:
    before = resident(proxy)
    answered = pour(new_client(proxy), start, 80)
    assert answered.startswith(b"HTTP/1.1 %d " % status)
    assert json.loads(answered.partition(b"\r\n\r\n")[2])["error"]["type"] == kind
    assert resident(proxy) - before < 20 * 2**20


UNREADABLE = [
    f"GET / HTTP/1.1\r\nAuthorization {KEY}\r\n\r\n".encode(),
    f"{KEY}\r\n\r\n".encode(),
    f"GET / HTTP/1.1\r\nTransfer-Encoding: {KEY}\r\n\r\n".encode(),
    f"POST {OPENAI} HTTP/1.1\r\nContent-Length: {KEY}\r\n\r\n".encode(),
    f"POST {OPENAI} HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\nX: {KEY}\r\n\r\n".encode(),
    HEAD % b"bad" + f"Transfer-Encoding: chunked\r\n\r\n{KEY}\r\n".encode(),
]


@pytest.mark.parametrize("data", UNREADABLE)
def test_what_cannot_be_read_is_neither_quoted_nor_logged(
    new_client: NewClient,
    proxy: Proxy,
    data: bytes,
) -> None:
    answered = pour(new_client(proxy), data, 0)
    assert answered.startswith(b"HTTP/1.1 400 ") and SECRET.encode() not in answered
    body = answered.partition(b"\r\n\r\n")[2]
    assert json.loads(body)["error"]["type"] == "invalid_request_error"


def test_a_head_that_breaks_off_is_not_logged(new_client: NewClient, proxy: Proxy) -> None:
    at = len(proxy.log)
    for data in (HEAD % b"x", f"\x16\x03\x01\x02\x00{KEY}".encode(), KEY.encode()):
        client = new_client(proxy)
        client.socket.sendall(data)
        client.half_close()
        pour(client, b"", 0)
    until(lambda: proxy.log[at:].count("client disconnect") >= 3)
    assert SECRET not in proxy.log and SECRET.encode().hex() not in proxy.log
