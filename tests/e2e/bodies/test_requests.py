"""Bodies of requests on raw sockets: what is too large is refused before it costs memory, whoever sends it to what."""

import contextlib
import json
import socket
from collections.abc import Callable, Iterator

import pytest

from bench.targets import resident_mb
from tests.e2e.absent.by_hand import NewClient, Provider, behind
from tests.e2e.conftest import Proxy, until
from tests.e2e.proxy.test_downgrades import spent

LIMIT = 200_000
SPENT = {"budgets": [{"team": "spent", "monthly_limit": 1, "action": "block"}]}
EVERYWHERE = {
    "tracked": "POST /v1/messages",
    "untracked": "POST /v1/files",
    "status page": "GET /stats",
    "no route": "POST /nowhere",
    "signed": "POST /bedrock/model/m/count-tokens",
}
SIGNED = "Authorization: AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/bedrock/aws4_request, Signature=0"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as made:
        yield made


@pytest.fixture(scope="module")
def small(make_proxy: Callable[..., Proxy], provider: Provider) -> Proxy:
    files = {"budgets.json": SPENT, "cost_events.jsonl": spent("spent", 2).decode()}
    return behind(make_proxy, provider, MAX_REQUEST_BYTES=str(LIMIT), files=files).ready()


def head(target: str, *headers: str) -> bytes:
    return "\r\n".join([f"{target} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


def upload(client: socket.socket, piece: bytes, most: int) -> int:
    """Send a piece again and again until the other side takes no more; return how many bytes that were."""
    sent = 0
    with contextlib.suppress(OSError):
        while sent < most:
            sent += client.send(piece)
    return sent


def answer_of(client: socket.socket) -> tuple[int, str]:
    """Return the status of an answer after which the connection ends, and the type of its error."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := client.recv(65536):
            received += piece
    first, _, body = received.partition(b"\r\n\r\n")
    assert b"connection: close" in first.lower()
    return int(first.split(b" ")[1]), json.loads(body)["error"]["type"]


def is_reset(client: socket.socket) -> bool:
    """Tell whether the other side reads no more: it answers a write with a reset."""
    try:
        client.send(b"1\r\nx\r\n")
    except OSError:
        return True
    return False


def nothing_is_left(proxy: Proxy) -> None:
    until(lambda: proxy.get("/stats")["in_flight"] == 0)
    assert "Traceback" not in proxy.log and "crashed" not in proxy.log


@pytest.mark.parametrize("target", EVERYWHERE.values(), ids=EVERYWHERE)
@pytest.mark.parametrize("waits", [False, True], ids=["", "waits for 100"])
def test_a_length_over_the_limit_is_refused_before_a_byte_of_the_body(
    new_client: NewClient, small: Proxy, target: str, waits: bool
) -> None:
    expect = ["Expect: 100-continue"] if waits else []
    client = new_client(small).socket
    client.sendall(head(target, SIGNED, f"Content-Length: {LIMIT + 1}", *expect))
    known = "nowhere" not in target
    assert answer_of(client) == ((413, "request_too_large") if known else (404, "not_found"))
    nothing_is_left(small)


@pytest.mark.parametrize(("path", "tunnel"), [("/v1/messages", False), ("/v1/messages", True), ("/v1/files", False)])
def test_a_body_in_chunks_is_refused_once_it_is_too_large(
    new_client: NewClient, small: Proxy, provider: Provider, path: str, tunnel: bool
) -> None:
    client = new_client(small, "/v1/messages", tunnel).socket
    client.sendall(head(f"POST {path}", "Transfer-Encoding: chunked"))
    client.sendall(b"%x\r\n%b\r\n" % (60_000, b"x" * 60_000) * 4)  # and no end
    assert answer_of(client) == (413, "request_too_large")
    nothing_is_left(small)
    if path == "/v1/files":
        asked = provider.next().connection
        with contextlib.suppress(ConnectionResetError):
            assert sum(map(len, iter(lambda: asked.recv(65536), b""))) < 4 * 60_100  # and then it is hung up on
    else:
        assert small.events()[-1]["status_code"] == 413


def test_what_a_refused_caller_sends_is_not_taken_in(new_client: NewClient, small: Proxy) -> None:
    before = resident_mb(small.process.pid)
    for target, status in (("POST /nowhere", 404), ("POST /v1/images/generations", 403)):
        client = new_client(small).socket
        client.sendall(head(target, "X-ModelTrack-Team: spent", "Transfer-Encoding: chunked"))
        sent = upload(client, b"%x\r\n%b\r\n" % (60_000, b"x" * 60_000), 100 * 2**20)
        assert sent < 40 * 2**20  # what is drained, and what the system's buffers took
        assert answer_of(client)[0] == status
    assert resident_mb(small.process.pid) - before < 20
    nothing_is_left(small)


def test_a_refused_caller_that_sends_all_before_it_reads_gets_its_answer(new_client: NewClient, small: Proxy) -> None:
    client = new_client(small).socket
    content = b"x" * 3_000_000
    client.sendall(head("POST /v1/messages", f"Content-Length: {len(content)}") + content)
    assert answer_of(client) == (413, "request_too_large")


def test_a_refused_caller_that_sends_nothing_more_is_hung_up_on(new_client: NewClient, small: Proxy) -> None:
    client = new_client(small).socket
    client.sendall(head("POST /nowhere", "Transfer-Encoding: chunked"))
    assert answer_of(client) == (404, "not_found")
    until(lambda: is_reset(client))


def test_a_client_that_goes_on_sending_while_it_waits_is_hung_up_on(
    new_client: NewClient, small: Proxy, provider: Provider
) -> None:
    client = new_client(small)
    client.ask("goes on")
    asked = provider.next()
    assert upload(client.socket, b"x" * 60_000, 100 * 2**20) < 20 * 2**20
    assert asked.is_hung_up()
    [event] = until(lambda: small.events(app_id="goes on"))
    assert (event["status_code"], event["error"]) == (499, "client_disconnected")
    nothing_is_left(small)


def test_a_small_body_that_is_refused_leaves_its_connection_open(new_client: NewClient, small: Proxy) -> None:
    client = new_client(small)
    for _ in range(2):
        client.socket.sendall(head("POST /nowhere", "Content-Length: 5") + b"small")
        assert b"HTTP/1.1 404" in client.read_until(b"not_found")
