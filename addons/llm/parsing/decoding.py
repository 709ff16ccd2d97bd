"""Undo Content-Encoding, whole or as it streams, without expanding a decompression bomb.

Bodies reach the proxy as they were sent, and it has to read the usage in them. All codings work lazily, block by block,
so that a limit on the output holds before there is more of it. Codings: RFC 9110, section 8.4.1.
"""

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Protocol

import brotli  # type: ignore[import-untyped]
import zstandard

_MAX_CODINGS = 5
_BLOCK = 64 * 1024
_PIECE = 16 * 1024  # of input: on every call zlib and brotli copy what they have not used of it yet
_ZSTD_PIECE = 64  # zstandard cannot limit the output of a call; 4 bytes give at most 128 KB, so these about 2 MB
_ZSTD_MAX_WINDOW = 8 * 2**20  # RFC 9659; a frame may ask the decoder to allocate far more


class UnknownEncoding(ValueError):
    """A Content-Encoding that cannot be undone."""


class DecodeError(ValueError):
    """The body is corrupt or ends early."""


class BodyTooLarge(ValueError):
    """The decoded body is over the limit."""


class Decoder(Protocol):
    """Of no further use once it has raised."""

    def decode(self, data: bytes) -> bytes:
        """All that `data` gives, nothing is held back. Raises DecodeError, BodyTooLarge."""

    def flush(self) -> bytes:
        """The end of the body: raises DecodeError if it came early. A body of no bytes at all is complete."""


def make_decoder(content_encoding: str, max_output_per_call: int = 64 * 2**20) -> Decoder:
    """For the value of the header: "", one coding or a list of them. Raises UnknownEncoding."""
    names = [name for item in content_encoding.lower().split(",") if (name := item.strip()) not in ("", "identity")]
    if len(names) > _MAX_CODINGS:
        raise UnknownEncoding(f"Content-Encoding lists {len(names)} codings, at most {_MAX_CODINGS} are undone")
    if unknown := [name for name in names if name not in _CODECS]:
        raise UnknownEncoding(f"unknown Content-Encoding {unknown[0]!r}")
    codecs = [_CODECS[name]() for name in reversed(names)]
    return _Pipeline(", ".join(names) or "identity", codecs, max_output_per_call)


def decode_body(data: bytes, content_encoding: str, max_bytes: int) -> bytes:
    """A whole body; at most 2 MB over `max_bytes` are decoded. Raises UnknownEncoding, DecodeError, BodyTooLarge."""
    decoder = make_decoder(content_encoding, max_bytes)
    return decoder.decode(data) + decoder.flush()


class _Codec(Protocol):
    complete: bool = True  # not begun, or at the end of a member or frame

    def blocks(self, data: bytes) -> Iterator[bytes]: ...


class _Pipeline:
    def __init__(self, encoding: str, codecs: list[_Codec], max_output: int) -> None:
        self._encoding = encoding
        self._codecs = codecs
        self._max = max_output

    def decode(self, data: bytes) -> bytes:
        blocks: Iterable[bytes] = (data[at : at + _PIECE] for at in range(0, len(data), _PIECE))
        if not self._codecs:
            blocks = (data,)
        for codec in self._codecs:
            # Between two codings too, else a bomb of empty gzip members in another coding runs for minutes.
            blocks = self._limited(chain.from_iterable(map(codec.blocks, blocks)), 2 * self._max + _BLOCK)
        try:
            return b"".join(self._limited(blocks, self._max))
        except (zlib.error, brotli.error, zstandard.ZstdError) as error:
            raise DecodeError(f"corrupt {self._encoding} body: {error}") from error

    def _limited(self, blocks: Iterable[bytes], limit: int) -> Iterator[bytes]:
        size = 0
        for block in filter(None, blocks):
            size += len(block)
            if size > limit:
                raise BodyTooLarge(f"body is over {self._max} bytes after decoding {self._encoding}")
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
            block = self._member.decompress(data, _BLOCK)
            yield block
            self.complete = self._member.eof
            data = self._member.unconsumed_tail or self._member.unused_data
            # After a full block zlib may have more to give though it has used all its input.
            more = data != b"" or (len(block) == _BLOCK and not self.complete)

    def _wbits(self, data: bytes) -> int:
        return 16 + zlib.MAX_WBITS


class _Deflate(_Gzip):
    def _wbits(self, data: bytes) -> int:
        # Many senders leave out the zlib header (RFC 1950, section 2.2) that the standard wants.
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
                yield self._frame.decompress(piece)
                self.complete = self._frame.eof
                piece = self._frame.unused_data


_CODECS: dict[str, type[_Codec]] = {"gzip": _Gzip, "x-gzip": _Gzip, "deflate": _Deflate, "br": _Brotli, "zstd": _Zstd}
