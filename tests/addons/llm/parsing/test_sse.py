from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.llm.parsing.sse import Event, EventTooLarge, SSEParser

ANTHROPIC = (
    b'event: message_start\ndata: {"type":"message_start"}\n\n'
    b"event: ping\ndata: {}\n\n"
    b'event: content_block_delta\ndata: {"text":"a\\nb: c"}\n\n'
    b"event: message_stop\ndata: {}\n\n"
)
OPENAI = b'data: {"choices":[]}\n\ndata: {"usage":null}\n\ndata: [DONE]\n\n'
ODD = b"\xef\xbb\xbf: a comment\n\nid: 1\nevent:x\ndata:one\ndata: two\ndata\nretry: 5\n\n\ndata:  three\n\n"


def parse(chunks: Iterable[bytes]) -> tuple[list[Event], bytes]:
    parser = SSEParser()
    return [event for chunk in chunks for event in parser.feed(chunk)], parser.flush()


def seen(stream: bytes) -> list[tuple[str, bytes]]:
    """Return the events that have a name or data."""
    return [(event.name, event.data) for event in parse([stream])[0] if event.data or event.name]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("stream", [ANTHROPIC, OPENAI, ODD])
def test_a_stream_cut_anywhere_gives_the_events_of_the_whole(stream: bytes, newline: bytes) -> None:
    stream = stream.replace(b"\n", newline) + b"data: end\n\n"  # more follows, so that no \r can be half of a \r\n
    whole = [event for event in parse([stream])[0] if event.data]
    for cut in range(len(stream) + 1):
        events, rest = parse([stream[:cut], stream[cut:]])
        assert [event[:2] for event in events if event.data] == [event[:2] for event in whole]
        assert b"".join(event.raw for event in events) + rest == stream


def test_names_and_data_are_read() -> None:
    assert seen(ANTHROPIC)[0] == ("message_start", b'{"type":"message_start"}')
    assert seen(OPENAI)[-1] == ("", b"[DONE]")
    assert seen(ODD) == [("x", b"one\ntwo\n"), ("", b" three")]


def test_each_byte_on_its_own_gives_the_same() -> None:
    events, rest = parse(ANTHROPIC[at : at + 1] for at in range(len(ANTHROPIC)))
    assert (events, rest) == (parse([ANTHROPIC])[0], b"")


def test_an_event_comes_as_soon_as_it_is_complete() -> None:
    parser = SSEParser()
    assert parser.feed(b"data: 1\n") == []
    assert parser.feed(b"\n") == [Event("", b"1", b"data: 1\n\n")]


pieces = st.sampled_from(
    [b"data: x", b"event: y", b":", b"\n", b"\r", b"\r\n", b"\n\n", b"\xef\xbb\xbf", b"\x00\xff", b"id"]
)


@given(st.lists(st.lists(pieces).map(b"".join)))
def test_no_byte_is_lost_or_moved(chunks: list[bytes]) -> None:
    events, rest = parse(chunks)
    assert b"".join(event.raw for event in events) + rest == b"".join(chunks)


def reference(stream: bytes) -> list[tuple[str, bytes]]:
    """Parse a stream step by step as WHATWG HTML, section 9.2.6, says."""
    text = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    found, name, data = [], b"", []
    for line in text.split(b"\n")[:-1]:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if data and data != [b""]:
                found.append((name.decode(errors="replace"), b"\n".join(data)))
            name, data = b"", []
        elif field == b"event":
            name = value
        elif field == b"data":
            data.append(value)
    return found


@given(st.lists(pieces).map(b"".join))
def test_events_are_those_of_the_standard(stream: bytes) -> None:
    stream += b"\ndata: end\n\n"
    events = [(event.name, event.data) for event in parse([stream])[0] if event.data]
    assert events == reference(stream)


def test_an_event_over_the_limit_is_an_error_that_loses_nothing() -> None:
    parser = SSEParser(max_event_bytes=100)
    fed = b"data: 1\n\ndata: " + b"x" * 100
    with pytest.raises(EventTooLarge, match="limit of 100 bytes"):
        parser.feed(fed)
    assert parser.flush() == fed


def test_a_large_event_in_many_chunks_is_joined_once() -> None:
    """Four million bytes come in 100,000 chunks. If each chunk copied all bytes before it, this would take minutes."""
    chunks = [b"data: ", *[b"x" * 40] * 100_000, b"\n\n"]
    [event], _ = parse(chunks)
    assert len(event.data) == 4_000_000
