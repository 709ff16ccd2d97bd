from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.http import Headers

from addons.flow.headers import header, put

NAMES = st.sampled_from([b"Content-Type", b"content-type", b"X-Other", b"CONTENT-TYPE"])


@given(st.lists(st.tuples(NAMES, st.binary(max_size=8)), max_size=5))
def test_a_header_is_what_mitmproxy_says_it_is(fields: list[tuple[bytes, bytes]]) -> None:
    headers = Headers(fields)
    assert header(headers, b"content-type") == headers.get("content-type", "")


@given(st.lists(st.tuples(NAMES, st.binary(max_size=8)), max_size=5), st.text("aé", max_size=3))
def test_headers_that_are_put_take_the_place_of_those_of_the_same_name(
    fields: list[tuple[bytes, bytes]], value: str
) -> None:
    headers, expected = Headers(fields), Headers(fields)
    put(headers, {"Content-Type": value, "X-New": "b"})
    expected["Content-Type"], expected["X-New"] = value, "b"
    shown = [sorted((name.lower(), value) for name, value in each.items()) for each in (headers, expected)]
    assert shown[0] == shown[1]
    put(headers, {})
    assert len(headers.get_all("content-type")) == 1
