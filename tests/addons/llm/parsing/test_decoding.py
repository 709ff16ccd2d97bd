import gzip
import random
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from addons.llm.parsing.decoding import (
    BodyTooLarge,
    DecodeError,
    RatioTooHigh,
    UnknownEncoding,
    decode_body,
    make_decoder,
)

BODY = b'{"usage": {"input_tokens": 5}} ' * 40
MB = 2**20


def raw_deflate(data: bytes) -> bytes:
    pack = zlib.compressobj(wbits=-15)
    return pack.compress(data) + pack.flush()


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    "identity": lambda data: data,
    "gzip": gzip.compress,
    "X-GZIP": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "gzip, br": lambda data: brotli.compress(gzip.compress(data)),
    "gzip, gzip": lambda data: gzip.compress(gzip.compress(data)),
    "identity,zstd , deflate": lambda data: zlib.compress(zstandard.ZstdCompressor().compress(data)),
}


@pytest.mark.parametrize("encoding", ENCODERS)
def test_a_body_cut_anywhere_is_decoded(encoding: str) -> None:
    packed = ENCODERS[encoding](BODY)
    for cut in range(len(packed) + 1):
        decoder = make_decoder(encoding)
        assert decoder.decode(packed[:cut]) + decoder.decode(packed[cut:]) + decoder.flush() == BODY


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("deflate", raw_deflate(BODY * 2)),
        ("gzip", gzip.compress(BODY, mtime=0) * 2),
        ("zstd", ENCODERS["zstd"](BODY) * 2),
    ],
)
def test_members_and_frames_are_joined_and_headerless_deflate_is_known(encoding: str, packed: bytes) -> None:
    assert decode_body(packed, encoding, MB) == BODY * 2


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_a_body_that_ends_early_is_an_error(encoding: str) -> None:
    with pytest.raises(DecodeError, match="ends early"):
        decode_body(ENCODERS[encoding](BODY)[:-3], encoding, MB)


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
def test_a_corrupt_body_is_an_error(encoding: str) -> None:
    with pytest.raises(DecodeError):
        decode_body(b"\xfe" + BODY, encoding, MB)


@pytest.mark.parametrize("encoding", ENCODERS)
def test_no_body_is_a_complete_one(encoding: str) -> None:
    assert decode_body(b"", encoding, MB) == b""


@pytest.mark.parametrize("encoding", ["compress", "gzip, nonsense", ", ".join(["gzip"] * 3)])
def test_an_encoding_that_cannot_be_undone_is_named(encoding: str) -> None:
    with pytest.raises(UnknownEncoding):
        make_decoder(encoding)


BOMBS = pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, br", "gzip, gzip"])


@BOMBS
def test_a_bomb_is_stopped_before_it_expands(encoding: str) -> None:
    bomb = ENCODERS[encoding](bytes(100 * MB))
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLarge):
            decode_body(bomb, encoding, 200 * MB)
        assert tracemalloc.get_traced_memory()[1] < 200 * len(bomb) + 12 * MB
    finally:
        tracemalloc.stop()


@BOMBS
def test_a_body_over_the_limit_is_stopped_whatever_its_ratio(encoding: str) -> None:
    body = random.Random(1).randbytes(2 * MB)
    with pytest.raises(BodyTooLarge, match="over 1048576 bytes"):
        decode_body(ENCODERS[encoding](body), encoding, MB)


@BOMBS
@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_the_ratio_counts_over_all_that_came_however_it_is_cut(encoding: str, piece: int) -> None:
    bomb = ENCODERS[encoding](bytes(20 * MB))
    decoder, taken, size = make_decoder(encoding), 0, 0
    with pytest.raises(RatioTooHigh):
        for at in range(0, len(bomb), piece):
            taken += piece
            size += len(decoder.decode(bomb[at : at + piece]))
    assert size <= 200 * taken + 65536


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_a_small_body_may_unpack_to_a_block_whatever_the_ratio(encoding: str) -> None:
    assert len(decode_body(ENCODERS[encoding](bytes(65536)), encoding, MB)) == 65536


def test_text_stays_far_below_the_ratio() -> None:
    text = b"".join(b'{"role":"user","content":"Say hello to %d people."},' % number for number in range(50_000))
    assert decode_body(gzip.compress(text, 9), "gzip", 64 * MB) == text


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_empty_members_without_end_are_refused(encoding: str) -> None:
    with pytest.raises(BodyTooLarge):
        decode_body(ENCODERS[encoding](b"") * 200_000, encoding, 64 * MB)


@given(st.binary(max_size=5000), st.sampled_from(["gzip", "deflate", "br", "zstd"]), st.integers(1, 50))
def test_any_body_in_any_chunks_comes_back(body: bytes, encoding: str, size: int) -> None:
    packed = ENCODERS[encoding](body)
    decoder = make_decoder(encoding)
    decoded = b"".join(decoder.decode(packed[at : at + size]) for at in range(0, len(packed), size))
    assert decoded + decoder.flush() == body
