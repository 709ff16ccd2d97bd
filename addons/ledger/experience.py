"""Learn from calls that ended how much more they cost than was estimated, so that the next ones reserve it.

Calls of one provider, model, team and app are one kind: a huge call of one team changes nothing for another. Of the
last 32 calls of a kind, the 95th percentile of each figure counts, which is the largest one as long as fewer than 20
have been seen, and the second largest from then on. So one call that is unlike all others is forgotten with the 20th
call, at the latest with the 32nd after it. Until then calls of its kind reserve as much as it cost, which makes them
wait for each other when a budget is nearly spent, but never for good: a call whose budget has something left, and
nothing reserved, is admitted however much it reserves.

What is learned is in the memory of one process. A new one starts with the estimates.
"""

from array import array
from typing import NamedTuple

_WINDOW = 32
_PERCENT = 95
_MOST_KINDS = 2048
MOST_GROWTH = 8
"""How many times its estimate an input may cost more because of what is in the body: a token has at least one byte, of
which the estimate takes four for a token, and to write one to a cache costs twice its price at most. What cost more was
not in the body, such as a conversation that the provider keeps, the results of its tools, or their fees: it does not
grow with the body."""
_PARTS = 1000
"""A growth is kept in thousandths."""
_MOST = 2**62

Kind = tuple[str, str, str, str]
"""Provider, model, team and app."""


class Learned(NamedTuple):
    """Say what to reserve for a kind of call beside its estimate."""

    growth: int = _PARTS
    """By how much to multiply the estimated input, in thousandths: at least 1000."""
    extra: int = 0
    """Nano-USD to add, for what is not in the body."""
    output_tokens: int = 0
    """The tokens that one answer may have where the request sets no limit; 0 where none such has ended yet."""

    def grown(self, tokens: int) -> int:
        """Return how many input tokens to expect where so many were estimated."""
        return -(-tokens * self.growth // _PARTS)


NOTHING_LEARNED = Learned()


class Window:
    """Keep the last few values, and their high percentile."""

    __slots__ = ("_next", "_values", "high")

    def __init__(self) -> None:
        self._values = array("q")
        self._next = 0
        self.high = 0
        """The percentile by nearest rank: at least 95 % of the values are not above it."""

    def add(self, value: int) -> None:
        value = min(max(value, 0), _MOST)
        if len(self._values) < _WINDOW:
            self._values.append(value)
        else:
            at = self._next
            self._next = (at + 1) % _WINDOW
            if self._values[at] == value:
                return
            self._values[at] = value
        rank = -(-len(self._values) * _PERCENT // 100)
        self.high = sorted(self._values)[rank - 1]


class _Calls:
    """Keep what the last calls of one kind cost."""

    __slots__ = ("extra", "growth", "output")

    def __init__(self) -> None:
        self.growth = Window()
        self.extra = Window()
        self.output = Window()


class Experience:
    """Remember calls by kind. The kinds whose last call is the longest ago are forgotten first."""

    def __init__(self) -> None:
        self._calls: dict[Kind, _Calls] = {}
        self._learned: dict[Kind, Learned] = {}

    def of(self, kind: Kind) -> Learned:
        return self._learned.get(kind, NOTHING_LEARNED)

    def add(self, kind: Kind, excess: int, estimated: int, output_tokens: int | None) -> None:
        """Learn from a call that ended.

        `estimated` is the estimated cost of its input, and `excess` what it cost more than that and its output, both in
        nano-USD; or both in tokens where the excess is less than MOST_GROWTH times the estimate, since only their ratio
        counts then. Only an excess above 0 is compared with the estimate. `output_tokens` are those of each of its
        answers, None where the request limited them.
        """
        calls = self._calls.pop(kind, None) or _Calls()
        self._calls[kind] = calls
        grows = 0 < excess < estimated * MOST_GROWTH
        calls.growth.add(_PARTS + -(-excess * _PARTS // estimated) if grows else _PARTS)
        calls.extra.add(0 if grows else excess)
        if output_tokens is not None:
            calls.output.add(output_tokens)
        self._learned[kind] = Learned(calls.growth.high, calls.extra.high, calls.output.high)
        if len(self._calls) > _MOST_KINDS:
            oldest = next(iter(self._calls))
            del self._calls[oldest], self._learned[oldest]
