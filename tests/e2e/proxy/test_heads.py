"""Heads and framing of requests that are too large or broken, and calls that a script kills, at running proxies."""

import json
import socket
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.calls import post
from tests.e2e.conftest import KEY, PROMPT, Proxy, until


@pytest.fixture(scope="module", params=[True, False], ids=["fast", "plain"])
def proxy(make_proxy: Callable[..., Proxy], request: pytest.FixtureRequest) -> Iterator[Proxy]:
    """A proxy that logs as much as it can; the fixture of all proxies checks that no key is among it."""
    yield make_proxy(LOG_LEVEL="debug", MODELTRACK_FAST_DISPATCH=str(request.param))


def sent(proxy: Proxy, *pieces: bytes) -> bytes:
    """Send bytes without saying that they end, and return all that comes until the proxy closes."""
    with socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2])), timeout=20) as client:
        for piece in pieces:
            client.sendall(piece)
        return b"".join(iter(lambda: client.recv(65536), b""))


def error(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert KEY.encode() not in answer and PROMPT.encode() not in answer
    return int(head.split()[1]), json.loads(body)["error"]["type"]


HEAD = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n".encode()
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([HEAD, b"X: " + b"y" * 70_000], (431, "head_too_large")),
        ([HEAD, b"X: y\r\n" * 12_000], (431, "head_too_large")),
        ([HEAD, b"X: " + b"y" * 66_000 + b"\r\n\r\n"], (431, "head_too_large")),
        ([b"GET /" + b"y" * 17_000], (414, "uri_too_long")),
        ([b"GET /" + b"y" * 17_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"], (414, "uri_too_long")),
        ([CHUNKED, b"5;" + b"x" * 17_000], (431, "invalid_request_error")),
        ([CHUNKED, b"5\r\nhello\r\n0\r\n", b"X: y\r\n" * 3_000], (431, "invalid_request_error")),
        ([CHUNKED, PROMPT.encode() + b"\r\n"], (400, "invalid_request_error")),
        ([HEAD, f"Bad Header {KEY}: 1\r\n\r\n".encode()], (400, "invalid_request_error")),
        ([HEAD, f"Content-Length: {KEY}\r\n\r\n".encode()], (400, "invalid_request_error")),
        ([HEAD, b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n"], (400, "invalid_request_error")),
        ([HEAD, b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"], (400, "invalid_request_error")),
        ([f"{PROMPT} {KEY}\r\n\r\n".encode()], (400, "invalid_request_error")),
    ],
)
def test_what_is_too_large_or_unreadable_is_answered_once_it_is_and_never_quoted(
    proxy: Proxy, pieces: list[bytes], expected: tuple[int, str]
) -> None:
    assert error(sent(proxy, *pieces)) == expected
    until(lambda: proxy.get("/stats")["in_flight"] == 0)
    assert proxy.get("/stats")["reserved_usd"] == 0
    assert KEY not in proxy.log and "y" * 100 not in proxy.log


def test_a_head_as_large_as_it_may_be_and_empty_lines_before_it_are_taken(proxy: Proxy) -> None:
    large = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + b"X: " + b"y" * 60_000 + b"\r\n\r\n"
    assert sent(proxy, large).startswith(b"HTTP/1.1 200 ")
    assert sent(proxy, b"\r\n\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").startswith(
        b"HTTP/1.1 200 "
    )


def test_a_call_that_a_script_kills_is_not_the_providers_failure(
    make_proxy: Callable[..., Proxy], tmp_path_factory: pytest.TempPathFactory
) -> None:
    script = tmp_path_factory.mktemp("script") / "kill.py"
    script.write_text(
        "def request(flow):\n    if flow.request.headers.get('x-kill') == 'request':\n        flow.kill()\n"
        "def responseheaders(flow):\n    if flow.request.headers.get('x-kill') == 'answer':\n        flow.kill()\n"
    )
    proxy = make_proxy("-s", str(script))
    for when in ("request", "answer"):
        with pytest.raises(OSError):
            post(proxy, "killed", headers={"X-Kill": when})
    until(lambda: len(proxy.events(team="killed")) == 2)
    assert [(event["status_code"], event["error"]) for event in proxy.events(team="killed")] == [(499, "killed")] * 2
    assert proxy.get("/stats")["reserved_usd"] == 0
