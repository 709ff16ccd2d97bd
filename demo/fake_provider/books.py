"""Keep the fake provider's books: what it charges for each call that it has accepted, whoever read the answer.

A whole answer is charged whole, whether or not anybody waits for it. Of a stream, that is charged which was generated
before the client hung up, hidden reasoning included. A call that is refused is in no book.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from demo.fake_provider.answers import Reply
from demo.fake_provider.prices import Used, charge

_KEPT_ENTRIES = 10_000
_charge = lru_cache(maxsize=1024)(charge)


def used(reply: Reply, output: int) -> Used:
    """Return what a call used whose answer has come as far as this many tokens of output."""
    is_whole = output >= reply.output_tokens
    audio = reply.audio_output if is_whole else reply.audio_output * output // reply.output_tokens
    whole = Used(
        text_input=reply.input_tokens - reply.audio_input - reply.image_input + reply.compaction,
        audio_input=reply.audio_input,
        image_input=reply.image_input,
        cache_read=reply.cache_read,
        write_5m=reply.cache_write - reply.cache_write_1h,
        write_1h=reply.cache_write_1h,
        text_output=output - audio,
        audio_output=audio,
        searches=reply.web_searches,
        drawing_input=reply.drawn_from,
        drawn=reply.drawn,
        tier=reply.speed or reply.service_tier,
        residency=reply.geo,
    )
    return whole if is_whole else replace(whole, searches=0, drawing_input=0, drawn=0)


@dataclass(slots=True)
class Entry:
    """Write down a call that was accepted, and how far its answer has come."""

    number: int
    path: str
    model: str
    reply: Reply
    output_tokens: int
    """The output that there is, or will be if nobody hangs up."""
    streamed: bool
    accepted: float
    """When the call was accepted, in seconds of the books' clock."""
    ended: float | None = None
    finished: bool = False
    """Whether all of the answer was sent."""

    def generated(self, now: float) -> int:
        """Return the output that has been generated so far, in tokens."""
        if not self.streamed or not self.reply.pace or self.finished:
            return self.output_tokens
        seconds = (now if self.ended is None else self.ended) - self.accepted
        return min(self.output_tokens, int(seconds * self.reply.pace))

    def nanos(self, now: float) -> int | None:
        """Return the charge in nano-USD, None where the model has no price."""
        return _charge(self.model, used(self.reply, self.generated(now)))


class Books:
    """Hold the latest entries, and the sum of all."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self._entries: deque[Entry] = deque()
            self._number = 0
            self._dropped_nanos = 0

    def enter(self, path: str, model: str, reply: Reply, *, streamed: bool, has_output: bool = True) -> Entry:
        """Write down a call that has just been accepted."""
        now = self._clock()
        with self._lock:
            self._number += 1
            output = reply.output_tokens if has_output else 0
            entry = Entry(self._number, path, model, reply, output, streamed, now)
            self._entries.append(entry)
            if len(self._entries) > _KEPT_ENTRIES:
                self._dropped_nanos += self._entries.popleft().nanos(now) or 0
        return entry

    def end(self, entry: Entry, *, finished: bool) -> None:
        """Write down that an answer has been sent whole, or that its client has hung up; the first time counts."""
        if entry.ended is None:
            entry.ended, entry.finished = self._clock(), finished

    def report(self) -> dict[str, Any]:
        """Return the books as JSON has them; `nanos` are nano-USD, null for a model without a price."""
        now = self._clock()
        with self._lock:
            entries, dropped = list(self._entries), self._dropped_nanos
        listed = [
            {
                "number": entry.number,
                "marker": entry.reply.marker,
                "path": entry.path,
                "model": entry.model,
                "nanos": entry.nanos(now),
                "output_tokens": entry.generated(now),
                "streamed": entry.streamed,
                "open": entry.ended is None,
                "finished": entry.finished,
            }
            for entry in entries
        ]
        charges = [entry.nanos(now) for entry in entries]
        return {
            "sum_nanos": dropped + sum(nanos for nanos in charges if nanos is not None),
            "unpriced": charges.count(None),
            "entries": listed,
        }
