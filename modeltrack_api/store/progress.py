"""Show how far the first reading of a large log is: on a terminal in one line that is rewritten, else in several."""

import time
from collections.abc import Callable
from typing import TextIO

_LARGE = 8 * 2**20
_MB = 10**6


class TerminalProgress:
    """Is called with the lines read, the bytes read and the bytes in all. A log that is soon read is not mentioned."""

    def __init__(self, out: TextIO, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._name = name
        self._clock = clock
        self._is_terminal = out.isatty()
        self._every = 0.2 if self._is_terminal else 5.0
        self._began = self._told = 0.0
        self._first: int | None = None
        self._is_over = False

    def __call__(self, lines: int, done: int, total: int) -> None:
        if self._first is None:
            self._first, self._began = done, self._clock()
            self._told = self._began
        if self._is_over or total - self._first < _LARGE:
            return
        now = self._clock()
        seconds = max(now - self._began, 0.001)
        if done >= total:
            self._is_over = True
            self._say(f"read {self._name}: {lines:,} lines, {done / _MB:,.1f} MB in {seconds:.1f} s", "\n")
        elif now - self._told >= self._every:
            self._told = now
            rate = (done - self._first) / seconds
            left = f"{(total - done) / rate:.0f} s left" if rate else "waiting"
            self._say(
                f"reading {self._name}: {lines:,} lines, {done / _MB:,.1f} of {total / _MB:,.1f} MB,"
                f" {rate / _MB:.1f} MB/s, {left}",
                "" if self._is_terminal else "\n",
            )

    def _say(self, text: str, end: str) -> None:
        self._out.write(f"\r\x1b[K{text}{end}" if self._is_terminal else text + end)
        self._out.flush()
