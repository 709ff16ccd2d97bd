"""Tell by method and path in which class a request to a provider belongs: may it cost money, and is that known?

Each provider has a list of its paths in this folder, one line a path: its methods, a space, and the path. `{name}`
stands for one segment, `{name*}` for one or more. What is read costs nothing, and needs no line. Which paths are
metered is not repeated here: those are the ones with a format, in `addons/llm/providers/`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from urllib.parse import unquote

READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that cost nothing on any path, unless they open a WebSocket."""


class PathClass(Enum):
    """Say what a request to a path may cost, and whether the proxy can tell."""

    METERED = "metered"
    """Its answer reports what was used."""
    FREE = "free"
    """It costs nothing: reading, counting, storing, cancelling, deleting, administration."""
    BILLED_LATER = "billed later"
    """It starts work that is paid for when it is done."""
    UNMETERED = "unmetered"
    """It may cost money, and the proxy cannot tell how much."""

    @property
    def may_cost(self) -> bool:
        """Return whether it may cost money that the proxy does not know of."""
        return self in (PathClass.BILLED_LATER, PathClass.UNMETERED)


# Characters that a server may take for another path's structure: `\` for `/`, `;` and `#` for an end, `%` for another
# round of unescaping. A path that has one is in no list.
_AMBIGUOUS = re.compile(r"[\\;#%?\x00-\x1f\x7f]")
_PLACEHOLDER = re.compile(r"\\\{\w+(\\\*)?\\\}")


@dataclass(frozen=True)
class PathTable:
    """Hold the lists of one provider's paths, as its own hosts have them."""

    free: str = ""
    billed_later: str = ""
    unmetered: str = ""
    ignores_case: bool = False
    """Whether the provider takes `/Chat/Completions` for `/chat/completions`."""

    def lines(self) -> list[tuple[PathClass, str, str]]:
        """Return the class, the method and the path of each line, a method at a time."""
        lists = (
            # What may cost money goes first, so that it wins where two lines match.
            (PathClass.UNMETERED, self.unmetered),
            (PathClass.BILLED_LATER, self.billed_later),
            (PathClass.FREE, self.free),
        )
        return [
            (kind, method, path)
            for kind, text in lists
            for line in text.strip().splitlines()
            for methods, path in [line.split()]
            for method in methods.split(",")
        ]

    @cached_property
    def _patterns(self) -> list[tuple[PathClass, str, re.Pattern[str]]]:
        flags = re.IGNORECASE if self.ignores_case else 0
        found: dict[tuple[PathClass, str], list[str]] = {}
        for kind, method, path in self.lines():
            found.setdefault((kind, method), []).append(_pattern(path))
        return [(kind, method, re.compile("|".join(parts), flags)) for (kind, method), parts in found.items()]

    def listed(self, method: str, path: str) -> PathClass | None:
        """Return the class of a request whose path is given as it was sent, None where no list has it."""
        plain = unquote(path).rstrip("/")
        if _AMBIGUOUS.search(plain):
            return None
        matching = (kind for kind, name, pattern in self._patterns if name == method and pattern.fullmatch(plain))
        return next(matching, None)

    def class_of(self, method: str, path: str) -> PathClass:
        """Return the class of a request that is not metered: what no list has is unmetered, unless it only reads."""
        if method in READING:
            return PathClass.FREE
        return self.listed(method, path) or PathClass.UNMETERED


def under(old: str, new: str, text: str, only: str = "") -> str:
    """Return a list with `new` in place of `old` at the beginning of its paths.

    Lines whose path does not begin with `old`, or, if it is given, with `only`, are left out.
    """
    pairs = (line.split() for line in text.strip().splitlines())
    return "\n".join(f"{m} {new}{p.removeprefix(old)}" for m, p in pairs if p.startswith(only or old + "/"))


def joined(texts: Iterable[str]) -> str:
    return "\n".join(text.strip() for text in texts if text.strip())


def _pattern(path: str) -> str:
    return _PLACEHOLDER.sub(lambda match: ".+" if match[1] else "[^/]+", re.escape(path))
