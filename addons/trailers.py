"""Trailers: fields after a chunked body, which make mitmproxy's layer crash and leave the connection hanging.

They are discarded, as RFC 9112 (section 7.1.2) lets one do who forwards a body by its length.
"""

from typing import Any

from h11 import Data, EndOfMessage
from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from mitmproxy.proxy.layers import http

_http1: Any = http._http1


class _WithoutTrailers(ChunkedReader):
    def __call__(self, buffer: ReceiveBuffer) -> Data | EndOfMessage | None:
        event = super().__call__(buffer)
        return EndOfMessage() if isinstance(event, EndOfMessage) else event


class Trailers:
    def load(self, _: object) -> None:
        self._original = _http1.ChunkedReader
        _http1.ChunkedReader = _WithoutTrailers

    def done(self) -> None:
        _http1.ChunkedReader = self._original
