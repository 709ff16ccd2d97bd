"""Chunked bodies, read as mitmproxy reads them."""

from collections.abc import Iterator
from typing import Any

import pytest
from h11 import Data, EndOfMessage, ProtocolError
from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.proxy.layers import http

from addons.core import Core
from addons.engine.fixes.chunks import Chunks, _Reader

END = b"0\r\n\r\n"


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


def read(reader: Any, *came: bytes) -> Iterator[bytes | str]:
    """Yield what a reader returns for a body that comes piece by piece, until its end."""
    buffer = ReceiveBuffer()
    for data in came:
        buffer += data
        while True:
            try:
                event = reader(buffer)
            except ProtocolError:
                yield "error"
                return
            if isinstance(event, EndOfMessage):
                assert not list(event.headers)
                yield "end"
                return
            if event is None:
                break
            assert isinstance(event, Data)
            yield bytes(event.data)


@pytest.mark.parametrize(
    ("came", "given"),
    [
        ([chunked(b"a", b"b", b"c") + END], [b"abc", "end"]),
        ([chunked(b"a", b"b"), chunked(b"c") + END], [b"ab", b"c", "end"]),
        ([chunked(b"a"), END], [b"a", "end"]),
        ([chunked(b"abc")[:4], chunked(b"abc")[4:] + END], [b"a", b"bc", "end"]),
        ([END], ["end"]),
        ([chunked(b"a", b"b") + b"0\r\nX-Checksum: 1\r\n\r\n"], [b"ab", "end"]),
        ([chunked(b"a", b"b") + b"no number\r\n"], [b"ab", "error"]),
        ([chunked(b"a", b"b")[:-2] + b"xx" + END], [b"ab", "error"]),
    ],
)
def test_all_that_came_at_once_is_one_piece(came: list[bytes], given: list[bytes | str]) -> None:
    assert list(read(_Reader(), *came)) == given


@given(
    st.lists(st.binary(min_size=1, max_size=30), max_size=8),
    st.lists(st.integers(1, 40), max_size=8),
    st.sampled_from([END, b"", b"junk\r\n", b"0\r\n", b"5\r\nab"]),
)
def test_the_same_bytes_and_the_same_end_as_with_h11s(pieces: list[bytes], cuts: list[int], end: bytes) -> None:
    body = chunked(*pieces) + end
    came, at = [], 0
    for cut in cuts:
        came.append(body[at : at + cut])
        at += cut
    came.append(body[at:])
    results = []
    for reader in (_Reader(), ChunkedReader()):
        given = list(read(reader, *came))
        data = b"".join(each for each in given if isinstance(each, bytes))
        results.append((data, [each for each in given if isinstance(each, str)]))
    assert results[0] == results[1]


def test_it_is_mitmproxys_reader_while_the_addon_is_there() -> None:
    http1: Any = http._http1  # type: ignore[attr-defined]
    original, addon = http1.ChunkedReader, Chunks(Core())
    addon.load(None)
    assert isinstance(http1.make_body_reader(None), _Reader)
    addon.done()
    assert http1.ChunkedReader is original
