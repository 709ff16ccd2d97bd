import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from addons.llm.parsing.sniffing import Kind, Sniffer, looks_like_events, looks_like_object
from tests.addons.llm.streams import aws_message

AWS = "application/vnd.amazon.eventstream"
FRAME = aws_message("chunk", b"{}")
BODIES = [
    (b'{"a": 1}', Kind.OBJECT),
    (b'\xef\xbb\xbf \r\n\t{"a": 1}', Kind.OBJECT),
    (b"data: {}\n\n", Kind.EVENTS),
    (b"\xef\xbb\xbfevent: x\n\n", Kind.EVENTS),
    (b"\n\n\n: keep-alive\n\n", Kind.EVENTS),
    (b"id:1\r\n\r\n", Kind.EVENTS),
    (b"service unavailable", Kind.EVENTS),
    (b"[1, 2]", Kind.EVENTS),
    (b"\x00" * 40, Kind.EVENTS),
    (b"\n <!DOCTYPE html><html>", Kind.PAGE),
    (b"<?xml?>", Kind.PAGE),
    (FRAME, Kind.AWS_EVENTS),
]


def sniffed(chunks: list[bytes], content_type: str = "") -> tuple[Kind | None, bytes, bytes]:
    """Return the kind, the blank beginning, and what is to be read."""
    sniffer, blank, rest = Sniffer(content_type), b"", b""
    for chunk in chunks:
        if sniffer.kind is None:
            before, chunk = sniffer.feed(chunk)
            blank += before
        rest += chunk
    return sniffer.kind, blank, rest + sniffer.pending


def test_the_frame_of_these_tests_is_one_of_aws() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(FRAME)
    assert [message.payload for message in buffer] == [b"{}"]


@pytest.mark.parametrize(("body", "kind"), BODIES)
def test_the_first_bytes_tell_the_kind_wherever_they_are_cut_and_none_is_lost(body: bytes, kind: Kind) -> None:
    for cut in range(len(body) + 1):
        found, blank, rest = sniffed([body[:cut], body[cut:]])
        assert (found, blank + rest) == (kind, body)
    assert sniffed([body[at : at + 1] for at in range(len(body))])[0] is kind


@given(st.lists(st.sampled_from([b"\xef\xbb\xbf", b" ", b"\n", b"\r", b"{", b"<", b"data", b"\x00", b"\xef", b"x"])))
def test_every_byte_is_passed_on_once_and_few_are_held_back(chunks: list[bytes]) -> None:
    sniffer, passed = Sniffer(""), b""
    for chunk in chunks:
        passed += b"".join(sniffer.feed(chunk)) if sniffer.kind is None else chunk
        assert len(sniffer.pending) < 12
    assert passed + sniffer.pending == b"".join(chunks)


@pytest.mark.parametrize("body", [b"", b" \r\n\n", b"\xef\xbb", b"\x00\x00\x00"])
def test_too_few_bytes_tell_nothing(body: bytes) -> None:
    assert sniffed([body])[0] is None


def test_a_first_message_that_is_damaged_is_one_of_aws_where_the_head_says_so() -> None:
    damaged = FRAME[:8] + b"\x00\x00\x00\x00" + FRAME[12:]
    assert sniffed([damaged])[0] is Kind.EVENTS
    assert sniffed([damaged[:1], damaged[1:]], AWS)[0] is Kind.AWS_EVENTS
    assert sniffed([b'{"message": "denied"}'], AWS)[0] is Kind.OBJECT


@pytest.mark.parametrize(
    ("body", "is_object", "is_events"),
    [
        (b'{"a": 1}', True, False),
        (b"\xef\xbb\xbf\n{", True, False),
        (b"data:x\n\n", False, True),
        (b"\n: hello", False, True),
        (b"retry: 3", False, True),
        (b"data", False, True),
        (b"database error", False, False),
        (b"error: no data", False, False),
        (b"<html>", False, False),
        (b"", False, False),
    ],
)
def test_a_whole_body_is_told_by_its_beginning(body: bytes, is_object: bool, is_events: bool) -> None:
    assert (looks_like_object(body), looks_like_events(body)) == (is_object, is_events)
