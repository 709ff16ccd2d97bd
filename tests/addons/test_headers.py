from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.http import Headers

from addons.headers import header

NAMES = st.sampled_from([b"Content-Type", b"content-type", b"X-Other", b"CONTENT-TYPE"])


@given(st.lists(st.tuples(NAMES, st.binary(max_size=8)), max_size=5))
def test_a_header_is_what_mitmproxy_says_it_is(fields: list[tuple[bytes, bytes]]) -> None:
    headers = Headers(fields)
    assert header(headers, b"content-type") == headers.get("content-type", "")
