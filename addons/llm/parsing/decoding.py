"""Undo the Content-Encoding of a whole body or of a stream, without expanding a decompression bomb.

Bodies reach the proxy as they were sent, and the proxy has to read the usage in them. Each coding is undone block by
block, so that decoding stops at the limits on the output and not after them. Codings: RFC 9110, section 8.4.1.
"""

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Protocol

import brotli  # type: ignore[import-untyped]
import zstandard

MOST_RATIO = 200
"""How many times its size a body may unpack to. Text that people and models write packs to a tenth at best."""
_MAX_CODINGS = 2
_BLOCK = 64 * 1024
_FREE_BYTES = _BLOCK
"""What any body may unpack to, whatever the ratio: a small one of a single word costs nothing."""
_MEMBER_BYTES = 1024
"""Counted for each member of gzip and each frame of zstd, so that a body of empty ones comes to an end."""
_PIECE = 16 * 1024  # bytes of input for each call: zlib and brotli copy what they have not used of it yet
_ZSTD_PIECE = 64  # zstandard cannot limit the output of a call; 4 bytes give at most 128 KB, so 64 give about 2 MB
_ZSTD_MAX_WINDOW = 8 * 2**20  # the limit of RFC 9659; a frame may ask for a far larger window


class UnknownEncoding(ValueError):
    """The Content-Encoding cannot be undone."""


class DecodeError(ValueError):
    """The body is corrupt or ends early."""


class BodyTooLarge(ValueError):
    """The decoded body is over the limit."""


class RatioTooHigh(BodyTooLarge):
    """The body unpacks to more than `MOST_RATIO` times its size."""


class Decoder(Protocol):
    """Undo a Content-Encoding piece by piece. A decoder that has raised an error cannot be used any more."""

    def decode(self, data: bytes) -> bytes:
        """Return all that `data` decodes to; nothing is held back. Raises DecodeError or BodyTooLarge."""

    def flush(self) -> bytes:
        """Finish the body. Raises DecodeError where its end is missing; a body of no bytes at all is complete."""


def make_decoder(content_encoding: str, max_output_per_call: int = 8 * 2**20) -> Decoder:
    """Make a decoder for the value of a Content-Encoding header: "", a coding, or a list. Raises UnknownEncoding."""
    names = [name for item in content_encoding.lower().split(",") if (name := item.strip()) not in ("", "identity")]
    if len(names) > _MAX_CODINGS:
        raise UnknownEncoding(f"Content-Encoding lists {len(names)} codings, at most {_MAX_CODINGS} are undone")
    if unknown := [name for name in names if name not in _CODECS]:
        raise UnknownEncoding(f"unknown Content-Encoding {unknown[0]!r}")
    codecs = [_CODECS[name]() for name in reversed(names)]
    return _Pipeline(", ".join(names) or "identity", codecs, max_output_per_call)


def decode_body(data: bytes, content_encoding: str, max_bytes: int) -> bytes:
    """Decode a whole body, and stop at most 2 MB after `max_bytes`.

    Raises UnknownEncoding, DecodeError or BodyTooLarge.
    """
    decoder = make_decoder(content_encoding, max_bytes)
    return decoder.decode(data) + decoder.flush()


class _Codec(Protocol):
    complete: bool = True
    """Whether the input may end here: it has not begun, or it is at the end of a member or frame."""
    members: int = 0
    """The members or frames that have begun."""

    def blocks(self, data: bytes) -> Iterator[bytes]: ...


class _Pipeline:
    def __init__(self, encoding: str, codecs: list[_Codec], max_output: int) -> None:
        self._encoding = encoding
        self._codecs = codecs
        self._max = max_output
        self._allowed = _FREE_BYTES
        """What each coding may still unpack to by the ratio, over all calls: more with each byte that comes."""
        self._unpacked = [0] * len(codecs)

    def decode(self, data: bytes) -> bytes:
        if not self._codecs:
            if len(data) > self._max:
                raise BodyTooLarge(f"body is over {self._max} bytes")
            return data
        self._allowed += MOST_RATIO * len(data)
        blocks: Iterable[bytes] = (data[at : at + _PIECE] for at in range(0, len(data), _PIECE))
        for number, codec in enumerate(self._codecs):
            # Limited between two codings, too: a bomb of empty gzip members in another coding would run for minutes.
            is_last = number == len(self._codecs) - 1
            most = self._max if is_last else 2 * self._max + _BLOCK
            blocks = self._limited(number, codec, chain.from_iterable(map(codec.blocks, blocks)), most)
        try:
            return b"".join(blocks)
        except (zlib.error, brotli.error, zstandard.ZstdError) as error:
            raise DecodeError(f"corrupt {self._encoding} body: {error}") from error

    def _limited(self, number: int, codec: _Codec, blocks: Iterable[bytes], most: int) -> Iterator[bytes]:
        size, before = 0, codec.members
        for block in blocks:
            size += len(block)
            self._unpacked[number] += len(block)
            if size + (codec.members - before) * _MEMBER_BYTES > most + _MEMBER_BYTES:
                raise BodyTooLarge(f"body is over {self._max} bytes after decoding {self._encoding}")
            if self._unpacked[number] > self._allowed:
                raise RatioTooHigh(f"body unpacks to more than {MOST_RATIO} times its size")
            if block:
                yield block

    def flush(self) -> bytes:
        if not all(codec.complete for codec in self._codecs):
            raise DecodeError(f"{self._encoding} body ends early")
        return b""


class _Gzip(_Codec):
    def blocks(self, data: bytes) -> Iterator[bytes]:
        more = True
        while more:
            if self.complete:
                self._member = zlib.decompressobj(self._wbits(data))
                self.members += 1
            block = self._member.decompress(data, _BLOCK)
            yield block
            self.complete = self._member.eof
            data = self._member.unconsumed_tail or self._member.unused_data
            # After a full block zlib may have more output, though it has used all of its input.
            more = data != b"" or (len(block) == _BLOCK and not self.complete)

    def _wbits(self, data: bytes) -> int:
        return 16 + zlib.MAX_WBITS


class _Deflate(_Gzip):
    def _wbits(self, data: bytes) -> int:
        # Many senders leave out the zlib header (RFC 1950, section 2.2) that the standard requires.
        return zlib.MAX_WBITS if data[0] & 0x8F == 8 else -zlib.MAX_WBITS


class _Brotli(_Codec):
    def __init__(self) -> None:
        self._decompressor = brotli.Decompressor()

    def blocks(self, data: bytes) -> Iterator[bytes]:
        if self._decompressor.is_finished():
            raise brotli.error("data after the end")
        more = True
        while more:
            block = self._decompressor.process(data, output_buffer_limit=_BLOCK)
            yield block
            data = b""
            more = len(block) >= _BLOCK or not self._decompressor.can_accept_more_data()
        self.complete = self._decompressor.is_finished()


class _Zstd(_Codec):
    def __init__(self) -> None:
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_MAX_WINDOW)

    def blocks(self, data: bytes) -> Iterator[bytes]:
        for at in range(0, len(data), _ZSTD_PIECE):
            piece = data[at : at + _ZSTD_PIECE]
            while piece:
                if self.complete:
                    self._frame = self._decompressor.decompressobj()
                    self.members += 1
                yield self._frame.decompress(piece)
                self.complete = self._frame.eof
                piece = self._frame.unused_data


_CODECS: dict[str, type[_Codec]] = {"gzip": _Gzip, "x-gzip": _Gzip, "deflate": _Deflate, "br": _Brotli, "zstd": _Zstd}
