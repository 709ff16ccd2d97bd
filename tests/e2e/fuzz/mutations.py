"""Change bytes at random, by a seeded generator, in the ways in which HTTP, JSON and compression break."""

import random
from collections.abc import Callable, Sequence

_Change = Callable[[random.Random, bytes, Sequence[bytes]], bytes]

_TOKENS = [
    b"\r\n", b"\n", b"\r", b"\x00", b"\xff\xfe", b" ", b"\t", b":", b";", b",", b'"', b"\\", b"\\u003a", b"{", b"}",
    b"[", b"]", b"-1", b"0", b"1e999", b"18446744073709551617", b"99999999999999999999", b"0x10", b"+5", b"null",
    b"NaN", b"Content-Length: 5\r\n", b"Content-Length: 99999999999\r\n", b"Content-Length: -1\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n", b"Content-Encoding: gzip\r\n",
    b"Content-Encoding: br\r\n", b"Content-Encoding: zstd\r\n", b"Connection: close\r\n", b"Connection: upgrade\r\n",
    b"Upgrade: websocket\r\n", b"Expect: 100-continue\r\n", b"Host: \r\n", b"X-ModelTrack-Team: \r\n", b"0\r\n\r\n",
    b"HTTP/1.0", b"HTTP/2.0", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"/../", b"//", b"%2f", b"%00", b"#", b"?", b"*",
    b'"stream": true, ', b'"model": "\xed\xa0\x80", ', b"\xe2\x80\x8b", b"GET ", b"CONNECT ", b"OPTIONS ",
]  # fmt: skip


def _flip(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _span(rng: random.Random, data: bytes) -> tuple[int, int]:
    start = rng.randrange(len(data))
    return start, min(len(data), start + rng.choice((1, 2, 4, 16, 64, 400)))


def _delete(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    start, end = _span(rng, data)
    return data[:start] + data[end:]


def _repeat(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    start, end = _span(rng, data)
    return data[:end] + data[start:end] * rng.choice((1, 2, 10, 500)) + data[end:]


def _insert(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(_TOKENS) + data[at:]


def _insert_at_line(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    starts = [at + 2 for at in range(len(data)) if data.startswith(b"\r\n", at)] or [0]
    at = rng.choice(starts)
    return data[:at] + rng.choice(_TOKENS) + data[at:]


def _grow(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return (
        data[:at]
        + rng.choice((b"A", b"[", b'{"a":', b"\r\nX: y", b"\x1f\x8b")) * rng.choice((100, 3000, 20000))
        + data[at:]
    )


def _cut(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    return data[: rng.randrange(1, len(data) + 1)]


def _splice(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    other = rng.choice(others)
    return data[: rng.randrange(1, len(data) + 1)] + other[rng.randrange(len(other)) :]


def _digits(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    places = [at for at, byte in enumerate(data) if 48 <= byte <= 57]
    if not places:
        return data
    at = rng.choice(places)
    return data[:at] + rng.choice((b"9", b"0", b"-1", b"999999", b"4294967295", b"1.5", b"1e9")) + data[at + 1 :]


def _swap_case(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    start, end = _span(rng, data)
    return data[:start] + data[start:end].swapcase() + data[end:]


_CHANGES: Sequence[_Change] = (
    _flip, _delete, _repeat, _insert, _insert, _insert_at_line, _insert_at_line, _grow, _cut, _splice, _digits,
    _swap_case,
)  # fmt: skip


def mutated(rng: random.Random, corpus: Sequence[bytes]) -> bytes:
    """Return one of the corpus, changed once to four times; one in twenty stays as it is."""
    data = rng.choice(corpus)
    if rng.random() < 0.05:
        return data
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        data = rng.choice(_CHANGES)(rng, data, corpus) or b"\n"
    return data


def pieces(rng: random.Random, data: bytes) -> list[bytes]:
    """Cut the bytes into those that are sent together."""
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.choice((0, 0, 1, 2, 5))))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
