"""Streamed answers that can be looked at afterwards, as the client got them, bounded in memory.

mitmproxy's own option for it, `store_streamed_bodies`, has no bound.
"""

import weakref
from collections import deque
from collections.abc import Callable, Iterable

from mitmproxy import http

from addons.inspecting.flow_summary import FlowSummary, make_summary


class KeptStreams:
    """Bytes of streamed answers, of which the oldest are dropped for newer ones."""

    def __init__(self) -> None:
        self.size = 0
        self._kept: deque[tuple[weakref.ref[http.HTTPFlow], int]] = deque()

    def make_room(self, size: int, limit: int) -> bool:
        """Count `size` bytes more in; False where only answers that are still on their way could make room."""
        while self.size + size > limit and self._kept:
            reference, kept = self._kept.popleft()
            self.size -= kept
            if (old := reference()) and old.response:
                old.response.raw_content = None
                make_summary(old).left_out += kept
        if self.size + size > limit:
            return False
        self.size += size
        return True

    def keep(self, flow: http.HTTPFlow, size: int) -> None:
        """For as long as there is room."""
        while self._kept and self._kept[0][0]() is None:  # its flow has been let go
            self.size -= self._kept.popleft()[1]
        self._kept.append((weakref.ref(flow), size))


class Tee:
    """A response's `stream` that keeps what the client gets."""

    def __init__(
        self,
        inner: Callable[[bytes], bytes | Iterable[bytes]] | bool,
        streams: KeptStreams,
        flow: http.HTTPFlow,
        limit: int,
        total_limit: int,
    ) -> None:
        """`limit` for this answer, `total_limit` for all together, in bytes."""
        self._inner = inner
        self._streams = streams
        self._flow = flow
        self._known: FlowSummary = make_summary(flow)
        self._limit = limit
        self._total_limit = total_limit
        self._kept = bytearray()

    def __call__(self, chunk: bytes) -> bytes | Iterable[bytes]:
        out = self._inner(chunk) if callable(self._inner) else chunk
        if not isinstance(out, bytes):
            out = list(out)
        for data in [out] if isinstance(out, bytes) else out:
            self._keep(data)
        return out

    def _keep(self, data: bytes) -> None:
        room = 0 if self._known.left_out else self._limit - len(self._kept)  # without a gap
        part = data[:room]
        if part and not self._streams.make_room(len(part), self._total_limit):
            part = b""
        self._kept += part
        self._known.left_out += len(data) - len(part)

    def finish(self) -> None:
        """Put what was kept where a whole answer is."""
        if not self._flow.response:
            return
        self._flow.response.stream = True  # what it was kept by is of no more use
        if self._kept:
            self._flow.response.raw_content = bytes(self._kept)
            self._streams.keep(self._flow, len(self._kept))
            self._kept = bytearray()
