"""The head of an answer: interim answers before it, its size, and what is said of one that cannot be read."""

from collections.abc import Iterator

import pytest
from mitmproxy.proxy.layers.http import _events as http_events
from mitmproxy.test import tutils

from addons.engine.fixes.heads import _MOST_INTERIM, Heads
from addons.engine.fixes.json_errors import JsonErrors
from addons.flow.wordings import label_for_event
from tests.addons.engine.fixes.layers import LIMIT, Driven, client, cut, in_force

SECRET = b"s3cr3t-f00"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
WHOLE = ["ResponseHeaders", "ResponseData", "ResponseEndOfMessage"]


@pytest.fixture(autouse=True)
def fixes() -> Iterator[None]:
    with in_force(JsonErrors, Heads):
        yield


def error(driven: Driven) -> str:
    """Return the kind of the error that is reported."""
    return label_for_event(driven.reported[-1].message, was_sent=True, is_connected=True)


@pytest.mark.parametrize(
    "interim", [b"HTTP/1.1 100 Continue\r\n\r\n", HINT, b"HTTP/1.1 102 X\r\n\r\n", HINT + b"HTTP/1.1 100 X\r\n\r\n"]
)
def test_an_interim_answer_is_not_the_answer(interim: bytes) -> None:
    for came in cut(interim + ANSWER):
        driven = client().receive(*came)
        assert [name for name in driven.names if name != "ResponseData"] == [WHOLE[0], WHOLE[2]]
        assert (driven.reported[0].response.status_code, driven.body) == (200, b"hi")


def test_interim_answers_have_a_bound() -> None:
    assert client().receive(HINT * _MOST_INTERIM + ANSWER).names == WHOLE
    for came in ([HINT * (_MOST_INTERIM + 1) + ANSWER], [HINT] * (_MOST_INTERIM + 1)):
        driven = client().receive(*came)
        assert driven.names == ["ResponseProtocolError"] and driven.closed == "whole"
        assert error(driven) == "upstream_protocol_error"


def test_each_request_on_a_connection_has_interim_answers_of_its_own() -> None:
    driven = client().receive(HINT * _MOST_INTERIM + ANSWER)
    request = tutils.treq(content=b"")
    driven.give(http_events.RequestHeaders(3, request, True)).give(http_events.RequestEndOfMessage(3))
    assert driven.receive(HINT * _MOST_INTERIM + ANSWER).names == WHOLE * 2


def test_a_switch_of_protocols_is_an_answer_where_it_was_asked_for_only() -> None:
    switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
    assert client("GET", upgrade="websocket").receive(switch).reported[0].response.status_code == 101
    assert error(client().receive(switch)) == "upstream_protocol_error"


@pytest.mark.parametrize("size", [1000, 65535, 10**6])
def test_a_head_over_the_limit_is_not_taken(size: int) -> None:
    start, end = b"HTTP/1.1 200 OK\r\nX-A: ", b"\r\nContent-Length: 0\r\n\r\n"
    for length in (LIMIT, LIMIT + 1):
        data = start + b"a" * (length - len(start + end)) + end
        driven = client().receive(*(data[at : at + size] for at in range(0, len(data), size)))
        if length == LIMIT:
            assert driven.names == [WHOLE[0], WHOLE[2]]
        else:
            assert driven.names == ["ResponseProtocolError"] and driven.closed == "whole" and driven.held == 0
            assert error(driven) == "upstream_protocol_error"


@pytest.mark.parametrize(
    "data",
    [
        SECRET + b"\r\n\r\n",
        b"HTTP/1.1 " + SECRET + b"\r\n\r\n",
        b"HTTP/1.1 99 X\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + SECRET + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + SECRET + b"\r\n\r\n",
    ],
)
def test_a_head_that_cannot_be_read_is_quoted_nowhere(data: bytes) -> None:
    for came in cut(data):
        driven = client().receive(*came)
        assert error(driven) == "upstream_protocol_error"
        assert SECRET not in repr([driven.logged, driven.reported]).encode()


@pytest.mark.parametrize("came", [b"", b"HTTP/1.1 200 OK\r\nX-A: " + SECRET, HINT])
def test_an_end_before_the_answer_is_the_providers_and_quotes_nothing(came: bytes) -> None:
    driven = client().receive(*[came] * bool(came)).end()
    assert error(driven) == "upstream_disconnected" and driven.closed == "whole"
    assert SECRET not in repr([driven.logged, driven.reported]).encode()


def test_what_nobody_asked_for_is_logged_without_its_bytes() -> None:
    driven = client().receive(ANSWER)
    driven.receive(b"HTTP/1.1 408 " + SECRET)
    assert driven.closed == "whole" and driven.logged and SECRET not in repr(driven.logged).encode()
