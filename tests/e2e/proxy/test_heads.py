"""Heads of requests and answers that are too large, broken, or interim, at running proxies."""

import json
import socket
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.calls import OPENAI, post
from tests.e2e.conftest import KEY, PROMPT, Proxy, until

WHOLE = json.dumps({"model": "gpt-4o", "usage": {"prompt_tokens": 1000, "completion_tokens": 200}}).encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(WHOLE), WHOLE)
EVENTS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    b'data: {"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":200}}\n\ndata: [DONE]\n\n'
)
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
RawUpstream = Callable[[bytes], str]


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


def test_a_head_that_breaks_off_is_not_logged(proxy: Proxy) -> None:
    with socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2])), timeout=20) as client:
        client.sendall(HEAD)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) == b""
    until(lambda: "before the head of its request was whole" in proxy.log)
    assert KEY not in proxy.log


def test_a_head_as_large_as_it_may_be_and_empty_lines_before_it_are_taken(proxy: Proxy) -> None:
    large = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + b"X: " + b"y" * 60_000 + b"\r\n\r\n"
    assert sent(proxy, large).startswith(b"HTTP/1.1 200 ")
    assert sent(proxy, b"\r\n\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").startswith(
        b"HTTP/1.1 200 "
    )


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("interim", [EARLY, b"HTTP/1.1 100 Continue\r\n\r\n", EARLY * 20])
def test_an_interim_answer_is_never_taken_for_the_answer(
    make_proxy: Callable[..., Proxy], raw_upstream: RawUpstream, interim: bytes, stream: bool
) -> None:
    proxy = make_proxy(OPENAI_BASE_URL=raw_upstream(interim + (EVENTS if stream else ANSWER)))
    answer = post(proxy, path=OPENAI, stream=stream)
    assert (answer.status_code, answer.content) == (200, b"data: [DONE]\n\n" if stream else WHOLE)
    assert [(event["status_code"], event["cost_usd"]) for event in proxy.events()] == [(200, 0.0045)]


LARGE = b"HTTP/1.1 200 OK\r\nX: " + b"y" * 80_000 + b"\r\n\r\n"
BROKEN = {
    "too many interim ones": (EARLY * 21 + ANSWER, "upstream_protocol_error"),
    "a protocol that nobody asked for": (b"HTTP/1.1 101 X\r\nUpgrade: y\r\n\r\n" + ANSWER, "upstream_protocol_error"),
    "a head of 80 KB": (LARGE, "upstream_protocol_error"),
    "a head without an end": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, "upstream_protocol_error"),
    "no status": (f"HTTP/1.1 {KEY}\r\n\r\n".encode(), "upstream_protocol_error"),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", "upstream_protocol_error"),
    "bad chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + KEY.encode() + b"\r\n",
        "upstream_protocol_error",
    ),
    "half a head": (f"HTTP/1.1 200 OK\r\nX: {KEY}".encode(), "upstream_disconnected"),
    "nothing": (b"", "upstream_disconnected"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_502_says_what_the_provider_did_and_quotes_nothing(
    make_proxy: Callable[..., Proxy], raw_upstream: RawUpstream, what: str
) -> None:
    sends, kind = BROKEN[what]
    proxy = make_proxy(OPENAI_BASE_URL=raw_upstream(sends), LOG_LEVEL="debug")
    answer = post(proxy, path=OPENAI)
    told = answer.json()["error"]
    assert (answer.status_code, told["type"]) == (502, kind)
    assert "could not be reached" not in told["message"] and "rovider" in told["message"] + "Provider" * ("two" in what)
    assert KEY not in answer.text and KEY not in proxy.log
    [event] = proxy.events()
    assert (event["status_code"], event["error"]) == (502, kind)
    assert (event["cost_usd"] == 0) == (what != "bad chunks")  # the provider had accepted that call
    assert proxy.get("/stats")["reserved_usd"] == 0


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


def test_a_provider_that_is_silently_gone_is_probed_for(
    make_proxy: Callable[..., Proxy], raw_upstream: RawUpstream
) -> None:
    """The second field of `tr` in /proc/net/tcp tells which timer runs: 2 is that of keep-alive."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        proxy = make_proxy(OPENAI_BASE_URL=f"http://127.0.0.1:{silent.getsockname()[1]}", ABANDONED_SECONDS="0")
        with socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2]))) as client:
            body = b'{"model": "gpt-4o", "messages": []}'
            client.sendall(HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            upstream, (_, port) = silent.accept()
            with upstream:
                assert upstream.recv(65536)
                until(lambda: timer_of(port, silent.getsockname()[1]) == 2, 20)


def timer_of(local: int, remote: int) -> int:
    with open("/proc/net/tcp") as lines:
        for line in list(lines)[1:]:
            fields = line.split()
            if [int(field.rpartition(":")[2], 16) for field in fields[1:3]] == [local, remote]:
                return int(fields[5].partition(":")[0])
    return -1
