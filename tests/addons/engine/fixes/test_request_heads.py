"""The head of a request: how much of it is taken, and what is said of one that is not."""

from collections.abc import Iterator

import orjson
import pytest
from mitmproxy import http
from mitmproxy.proxy.layers.http import _events as http_events

from addons.engine.fixes.continues import Continues
from addons.engine.fixes.heads import Heads
from addons.engine.fixes.json_errors import JsonErrors
from addons.engine.fixes.refusing import MOST_DRAINED
from tests.addons.engine.fixes.layers import LIMIT, Driven, cut, in_force, server

SECRET = b"s3cr3t-f00"


@pytest.fixture(autouse=True)
def fixes() -> Iterator[None]:
    with in_force(JsonErrors, Heads, Continues):
        yield


def head(size: int, line: bytes = b"GET / HTTP/1.1") -> bytes:
    start = line + b"\r\nHost: x\r\nX-A: "
    return start + b"a" * (size - len(start) - 4) + b"\r\n\r\n"


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def kind(driven: Driven) -> str:
    found: str = orjson.loads(driven.sent.partition(b"\r\n\r\n")[2])["error"]["type"]
    return found


@pytest.mark.parametrize("size", [100, 1000, 4095, 65535, 10**6])
def test_a_head_of_the_limit_is_taken_and_one_of_a_byte_more_is_not_however_it_comes(size: int) -> None:
    taken = server().receive(*pieces(head(LIMIT), size))
    assert taken.names == ["RequestHeaders", "RequestEndOfMessage"] and not taken.sent
    refused = server().receive(*pieces(head(LIMIT + 1), size))
    assert (refused.status, kind(refused), refused.names) == ("431", "head_too_large", [])


def test_a_first_line_that_is_too_long_has_a_status_of_its_own() -> None:
    line = b"GET /" + b"a" * LIMIT + b" HTTP/1.1"
    for size in (500, 10**6):
        refused = server().receive(*pieces(head(2 * LIMIT, line), size))
        assert (refused.status, kind(refused)) == ("414", "uri_too_long")


def test_it_is_refused_as_soon_as_the_limit_is_there_and_nothing_more_is_held() -> None:
    data = head(10 * LIMIT)
    driven = server().receive(data[:LIMIT])
    assert not driven.sent and driven.held == LIMIT
    driven.receive(data[LIMIT : LIMIT + 1])
    assert driven.status == "431" and driven.held == 0 and driven.closed == "half"
    driven.receive(b"a" * 60_000)
    assert driven.held == 0 and driven.closed == "half"


@pytest.mark.parametrize("how", ["much", "end", "time"])
def test_its_client_can_read_the_refusal_until_it_has_sent_much_ends_or_takes_too_long(how: str) -> None:
    driven = server().receive(head(2 * LIMIT))
    if how == "much":
        driven.receive(*[b"a" * 2**16] * (MOST_DRAINED // 2**16))
        assert driven.closed == "half"
        driven.receive(b"a")
    elif how == "end":
        driven.end()
    else:
        driven.wake()
    assert driven.closed == "whole" and driven.held == 0 and driven.sent.count(b"HTTP/1.1 ") == 1


def test_a_tunnel_is_not_half_closed() -> None:
    driven = server(tls=True).receive(head(2 * LIMIT))
    assert driven.status == "431" and driven.closed == ""
    assert driven.wake().closed == "whole"


def test_a_large_body_behind_a_small_head_is_no_large_head() -> None:
    driven = server().receive(b"POST / HTTP/1.1\r\nContent-Length: 200000\r\n\r\n" + b"b" * 200_000)
    assert driven.names == ["RequestHeaders", "RequestData", "RequestEndOfMessage"] and len(driven.body) == 200_000


UNREADABLE = {
    "no request line": SECRET + b"\r\n\r\n",
    "a bad version": b"GET /" + SECRET + b" HTTP/x\r\n\r\n",
    "a line without a colon": b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization " + SECRET + b"\r\n\r\n",
    "no name": b"GET / HTTP/1.1\r\n: " + SECRET + b"\r\n\r\n",
    "a folded first line": b"GET / HTTP/1.1\r\n " + SECRET + b"\r\n\r\n",
    "a length that is none": b"POST / HTTP/1.1\r\nContent-Length: " + SECRET + b"\r\n\r\n",
    "an unknown coding": b"POST / HTTP/1.1\r\nTransfer-Encoding: " + SECRET + b"\r\n\r\n",
    "a bad authority": b"GET http://" + SECRET + b":x/ HTTP/1.1\r\n\r\n",
    "binary": b"\x16\x03\x01" + SECRET + b"\xff\r\n\r\n",
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_head_that_cannot_be_read_is_quoted_nowhere(what: str) -> None:
    for came in cut(UNREADABLE[what]):
        driven = server().receive(*came)
        assert (driven.status, kind(driven)) == ("400", "invalid_request_error")
        said = driven.sent + repr([driven.logged, [getattr(each, "message", "") for each in driven.reported]]).encode()
        assert SECRET not in said and "x03" not in str(said)


def test_a_head_that_breaks_off_is_quoted_nowhere() -> None:
    data = b"POST / HTTP/1.1\r\nAuthorization: Bearer " + SECRET
    for came in cut(data):
        driven = server().receive(*came).end()
        assert driven.closed == "whole" and not driven.sent and SECRET not in repr(driven.logged).encode()


def test_empty_lines_before_a_head_do_not_count_and_are_not_held() -> None:
    data = b"\r\n\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"
    for came in cut(data):
        assert server().receive(*came).names == ["RequestHeaders", "RequestEndOfMessage"]
    assert server().receive(*[b"\r\n" * 30_000] * 5).held <= 2


def test_the_continue_that_a_client_asked_for_is_not_taken_for_the_answer() -> None:
    driven = server().receive(b"POST / HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")
    continued = http.Response.make(100)
    continued.headers.clear()
    driven.give(http_events.ResponseHeaders(1, continued))
    assert driven.sent == b"HTTP/1.1 100 Continue\r\n\r\n"
    driven.receive(b"x")
    failed = http_events.ResponseProtocolError(
        1, "server closed connection", http_events.ErrorCode.GENERIC_SERVER_ERROR
    )
    driven.give(failed)
    assert b"HTTP/1.1 502 " in driven.sent
