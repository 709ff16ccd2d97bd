"""What frames a chunked body, bounded as it comes, and what a client is told of a body that cannot be read."""

from collections.abc import Iterator

import pytest
from mitmproxy import http
from mitmproxy.proxy.layers.http import _events as http_events

from addons.engine.fixes.chunks import _LINE_BYTES, _MOST_EXCESS, Chunks
from addons.engine.fixes.heads import Heads
from addons.engine.fixes.json_errors import JsonErrors
from addons.flow.wordings import label_for_event
from tests.addons.engine.fixes.layers import LIMIT, Driven, client, cut, in_force, server

SECRET = b"s3cr3t-f00"
ASK = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SIZES = pytest.mark.parametrize("size", [1000, 4099, 65535, 10**6])


@pytest.fixture(autouse=True)
def fixes() -> Iterator[None]:
    with in_force(JsonErrors, Heads, Chunks):
        yield


def came(driven: Driven, data: bytes, size: int) -> Driven:
    """Give the data in pieces, and nothing more once the connection is over, as the system would not."""
    for at in range(0, len(data), size):
        if driven.closed != "whole":
            driven.receive(data[at : at + size])
            assert driven.held <= LIMIT + size
    return driven


def ended(driven: Driven) -> tuple[str, str, str]:
    """Return the status that the client got, the kind of the error that is reported, and how it is logged."""
    return driven.status, label_for_event(driven.reported[-1].message, True, True), driven.names[-1]


@SIZES
@pytest.mark.parametrize("before", [b"", b"5\r\nhello\r\n"], ids=["first", "second"])
def test_a_chunk_header_of_the_limit_is_taken_and_one_of_a_byte_more_is_not(size: int, before: bytes) -> None:
    for length in (_LINE_BYTES, _LINE_BYTES + 1):
        header = b"5;x=" + b"e" * (length - 6) + b"\r\n"
        data = before + header + b"hello\r\n0\r\n\r\n"
        asked, answered = came(server(), ASK + data, size), came(client(), ANSWER + data, size)
        if length == _LINE_BYTES:
            assert asked.names[-1] == "RequestEndOfMessage" and asked.body == b"hello" * (1 + bool(before))
            assert answered.names[-1] == "ResponseEndOfMessage" and answered.body == asked.body
        else:
            assert ended(asked) == ("431", "invalid_request_error", "RequestProtocolError") and asked.held == 0
            assert ended(answered)[1:] == ("upstream_protocol_error", "ResponseProtocolError")
            assert answered.closed == "whole"


@SIZES
@pytest.mark.parametrize("line", [b"X-A: b\r\n", b"X-A: " + b"b" * 5000 + b"\r\n"], ids=["many", "long"])
def test_trailers_of_the_limit_are_taken_and_larger_ones_are_not(size: int, line: bytes) -> None:
    fitting = line * ((LIMIT - 2) // len(line))
    for trailers in (fitting, fitting + line):
        data = b"5\r\nhello\r\n0\r\n" + trailers + b"\r\n"
        asked, answered = came(server(), ASK + data, size), came(client(), ANSWER + data, size)
        if trailers is fitting:
            assert asked.names[-1] == "RequestEndOfMessage" and answered.names[-1] == "ResponseEndOfMessage"
        else:
            assert ended(asked) == ("431", "invalid_request_error", "RequestProtocolError")
            assert ended(answered)[1:] == ("upstream_protocol_error", "ResponseProtocolError")


@pytest.mark.parametrize("line", [b"e", b"e\n", b"e\r"])
def test_a_line_without_end_is_never_held(line: bytes) -> None:
    for start in (b"5;", b"0\r\nX: "):
        for driven, head in ((server(), ASK), (client(), ANSWER)):
            came(driven, head + start + line * 200_000, 60_000)
            assert driven.held == 0 or driven.closed == "whole"
            assert "ProtocolError" in driven.names[-1]


def test_much_framing_of_little_data_ends_and_small_chunks_do_not() -> None:
    small = b"1\r\na\r\n" * 50_000
    assert came(server(), ASK + small + b"0\r\n\r\n", 60_000).names[-1] == "RequestEndOfMessage"
    padded = b"1;" + b"e" * 1000 + b"\r\na\r\n"
    driven = came(server(), ASK + padded * (_MOST_EXCESS // 1000 + 2), 60_000)
    assert ended(driven)[:2] == ("431", "invalid_request_error")


@pytest.mark.parametrize(
    "data",
    [SECRET + b"\r\n", b"5\r\nhello" + SECRET, b"0\r\n" + SECRET + b"\r\n\r\n", b"g;" + SECRET + b"\r\n"],
    ids=["a header", "the end of a chunk", "a trailer", "an extension"],
)
def test_a_body_that_cannot_be_read_is_quoted_nowhere_and_its_client_is_told(data: bytes) -> None:
    for pieces in cut(data):
        asked, answered = server().receive(ASK, *pieces), client().receive(ANSWER, *pieces)
        assert ended(asked) == ("400", "invalid_request_error", "RequestProtocolError")
        assert ended(answered)[1:] == ("upstream_protocol_error", "ResponseProtocolError")
        for driven in (asked, answered):
            assert SECRET not in driven.sent and SECRET not in repr([driven.logged, driven.reported]).encode()


def test_nothing_is_said_after_an_answer_has_begun() -> None:
    driven = server().receive(ASK)
    driven.give(http_events.ResponseHeaders(1, http.Response.make(413, b"", {"Content-Length": "5"})))
    sent = driven.sent
    driven.receive(b"no number\r\n")
    assert driven.sent == sent and driven.closed == "whole"


def test_the_next_request_behind_a_chunked_one_is_read() -> None:
    follows = b"GET /next HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * (LIMIT - 100) + b"\r\n\r\n"
    for trailers in (b"", b"X-A: b\r\n"):
        driven = server().receive(ASK + b"0\r\n" + trailers + b"\r\n" + follows)
        driven.give(http_events.ResponseHeaders(1, http.Response.make(204)))
        driven.give(http_events.ResponseEndOfMessage(1))
        assert driven.names.count("RequestHeaders") == 2 and driven.reported[-2].request.path == "/next"
