"""Keep streamed answers as the client got them, so that they can be looked at later, in bounded memory.

mitmproxy's own option for this, `store_streamed_bodies`, has no bound.
"""

import weakref
from collections import deque
from collections.abc import Callable, Iterable

from mitmproxy import http

from addons.inspecting.flow_summary import FlowSummary, make_summary


class KeptStreams:
    """Count the bytes of the answers that are kept, and drop the oldest answers to make room for new ones."""

    def __init__(self) -> None:
        self.size = 0
        self._kept: deque[tuple[weakref.ref[http.HTTPFlow], int]] = deque()

    def make_room(self, size: int, limit: int) -> bool:
        """Add `size` bytes to the count, and drop old answers until the count is within `limit`.

        Return False, and add nothing, where all that could make room are answers that still arrive.
        """
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
        """Remember that the flow keeps `size` bytes of an answer that is complete; they may be dropped from now on."""
        while self._kept and self._kept[0][0]() is None:  # its flow is gone
            self.size -= self._kept.popleft()[1]
        self._kept.append((weakref.ref(flow), size))


class Tee:
    """Replace a response's `stream` by one that also keeps what the client gets."""

    def __init__(
        self,
        inner: Callable[[bytes], bytes | Iterable[bytes]] | bool,
        streams: KeptStreams,
        flow: http.HTTPFlow,
        limit: int,
        total_limit: int,
    ) -> None:
        """Wrap `inner`. `limit` is for this answer, `total_limit` for all answers together, both in bytes."""
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
        room = 0 if self._known.left_out else self._limit - len(self._kept)  # keep no part after a gap
        part = data[:room]
        if part and not self._streams.make_room(len(part), self._total_limit):
            part = b""
        self._kept += part
        self._known.left_out += len(data) - len(part)

    def finish(self) -> None:
        """Put what was kept where mitmproxy has the body of an answer."""
        if not self._flow.response:
            return
        self._flow.response.stream = True  # lets go of this Tee
        if self._kept:
            self._flow.response.raw_content = bytes(self._kept)
            self._streams.keep(self._flow, len(self._kept))
            self._kept = bytearray()
