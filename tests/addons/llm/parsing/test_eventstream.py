"""Test reading AWS's event stream: whole, in pieces and damaged. The fake provider makes the frames, not botocore."""

import contextlib
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.llm.parsing import eventstream
from addons.llm.parsing.eventstream import CorruptStream, EventStreamParser
from addons.llm.parsing.sse import Event
from demo.fake_provider.bedrock import frame

EVENT = {"event_type": "chunk", "message_type": "event", "content_type": "application/json"}
FRAMES = [
    frame(b'{"bytes":"e30="}', **EVENT),
    frame("é".encode(), event_type="metadata", message_type="event"),
    frame(b"", message_type="exception", exception_type="throttlingException"),
    frame(b"", message_type="error", error_code="InternalError", error_message="a prompt, perhaps"),
    frame(b"x", message_type="exception"),
]
EVENTS = [
    Event("chunk", b'{"bytes":"e30="}', b""),
    Event("metadata", "é".encode(), b""),
    Event("exception", b"throttlingException", b""),
    Event("exception", b"InternalError", b""),
    Event("exception", b"error", b""),
]
STREAM = b"".join(FRAMES)


def read(chunks: Iterable[bytes]) -> list[Event]:
    parser = EventStreamParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


def test_events_are_named_by_their_type_and_errors_by_theirs() -> None:
    assert read([STREAM]) == EVENTS


@pytest.mark.parametrize("cut", range(len(STREAM) + 1))
def test_a_stream_may_be_cut_at_every_byte(cut: int) -> None:
    assert read([STREAM[:cut], STREAM[cut:]]) == EVENTS


def test_a_stream_may_come_byte_by_byte() -> None:
    assert read(STREAM[i : i + 1] for i in range(len(STREAM))) == EVENTS


def test_an_event_comes_with_its_last_byte() -> None:
    parser = EventStreamParser()
    assert list(parser.feed(FRAMES[0][:-1])) == []
    assert list(parser.feed(FRAMES[0][-1:])) == EVENTS[:1]


@pytest.mark.parametrize("at", range(len(FRAMES[1])))
def test_a_byte_that_is_another_one_is_found_and_what_came_before_it_is_kept(at: int) -> None:
    second = bytearray(FRAMES[1])
    second[at] ^= 1
    parser = EventStreamParser()
    found: list[Event] = []
    with pytest.raises(CorruptStream, match="not an AWS event stream: "):
        # A length that has grown is only found when that many bytes have come, so more frames follow.
        for event in parser.feed(FRAMES[0] + bytes(second) + FRAMES[0] * 10):
            found.append(event)
    assert found == EVENTS[:1]


@pytest.mark.parametrize("headers", [b"\x01a\x63", b"\x01a\x07\x00", b"\x01\xff\x07\x00\x00", b"\x01a\x07\x00\x01\xff"])
def test_headers_that_make_no_sense_are_found_though_their_checksum_is_right(headers: bytes) -> None:
    import binascii
    import struct

    prelude = struct.pack(">II", 16 + len(headers), len(headers))
    message = prelude + struct.pack(">I", binascii.crc32(prelude)) + headers
    with pytest.raises(CorruptStream):
        read([message + struct.pack(">I", binascii.crc32(message))])


@given(st.binary(max_size=200), st.integers(0, 200))
def test_any_bytes_are_events_or_corrupt_or_incomplete(data: bytes, cut: int) -> None:
    with contextlib.suppress(CorruptStream):
        read([data[:cut], data[cut:]])


def test_without_botocore_there_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventstream, "EventStreamBuffer", None)
    assert not eventstream.is_available()
    with pytest.raises(ValueError, match="install ModelTrack with its extra `aws`"):
        EventStreamParser()
