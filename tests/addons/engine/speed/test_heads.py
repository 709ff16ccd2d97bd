"""Each of the functions in heads.py beside the one of mitmproxy's whose place it takes."""

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.net.http import http1, validate

from tests.addons.engine.speed.test_lookups import both

NAMES = [b"Content-Length", b"content-length", b"Transfer-Encoding", b"Connection", b"X-A", b"X A", b"X-\xe4", b""]
VALUES = [b"0", b"5", b"05", b"-1", b"1_0", b"5, 5", b"", b"chunked", b"gzip", b"identity", b"close", b"Keep-Alive"]
HEADS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=4).map(http.Headers)
METHODS = st.sampled_from(["POST", "post", "GET", "HEAD", "CONNECT"])
STATUSES = st.sampled_from([None, 101, 200, 204, 304, 500])


def exchange(headers: http.Headers, method: str, status: int | None) -> tuple[http.Request, http.Response | None]:
    """Return a request that has these headers, or one and its answer that has them."""
    request = http.Request.make(method, "http://x/", headers={})
    response = http.Response.make(status, headers={}) if status else None
    (response or request).headers = headers
    return request, response


def is_same(what: str, ask: Callable[[], Any]) -> bool:
    before, after = both(what, ask)
    return before == after


@given(HEADS, METHODS, STATUSES)
def test_the_sizes_of_bodies(headers: http.Headers, method: str, status: int | None) -> None:
    request, response = exchange(headers, method, status)
    assert is_same("sizes", lambda: http1.expected_http_body_size(request, response))


@given(HEADS, st.sampled_from(["HTTP/1.1", b"HTTP/1.1", "HTTP/1.0", b"HTTP/1.0", "HTTP/2.0"]))
def test_the_ends_of_connections(headers: http.Headers, version: str | bytes) -> None:
    assert is_same("ends", lambda: http1.connection_close(version, headers))


@given(HEADS, METHODS, STATUSES, st.sampled_from(["HTTP/1.1", "HTTP/1.0"]))
def test_what_is_refused(headers: http.Headers, method: str, status: int | None, version: str) -> None:
    request, response = exchange(headers, method, status)
    message = response or request
    message.http_version = version
    assert is_same("validity", lambda: validate.validate_headers(message))
