"""Replace parts of mitmproxy, and give them back: by such as do more, or faster ones where they are those known."""

import hashlib
import inspect
from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

_ABSENT: Any = object()


class Replacement(NamedTuple):
    owner: Any
    """A module, a class or an object; the name may be one that it only inherits."""
    name: str
    value: Any


class Replacements:
    """What is replaced together."""

    def __init__(self, replacements: Iterable[Replacement]) -> None:
        self._replacements = tuple(replacements)
        self._originals: list[tuple[Replacement, Any]] = []

    def apply(self) -> bool:
        """Whether it was done. Once only."""
        for each in self._replacements:
            self._originals.append((each, vars(each.owner).get(each.name, _ABSENT)))
            setattr(each.owner, each.name, each.value)
        return True

    def undo(self) -> None:
        """What others have put on top stays."""
        for (owner, name, value), original in self._originals:
            if vars(owner).get(name) != value:
                continue
            if original is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, original)
        self._originals.clear()


class ReplacingAddon:
    """One whose only work is to replace something for as long as it is there."""

    replacements: ClassVar[tuple[Replacement, ...]]

    def load(self, _: object) -> None:
        self._applied = Replacements(self.replacements)
        self._applied.apply()

    def done(self) -> None:
        self._applied.undo()


class Part(Replacements):
    """As long as `known` has the fingerprint of the functions that it `relies_on`."""

    def __init__(
        self, what: str, relies_on: Iterable[Any], known: Iterable[str], replacements: Iterable[Replacement]
    ) -> None:
        super().__init__(replacements)
        self.what = what
        self._relies_on = tuple(relies_on)
        self._known = frozenset(known)

    def apply(self) -> bool:
        """False where mitmproxy's part is another one, or somebody has replaced it: then it stays. Once only."""
        return fingerprint(self._relies_on) in self._known and super().apply()


def fingerprint(functions: Iterable[Any]) -> str:
    """Of their source; "" where that is not there to be looked at."""
    try:
        source = "".join(map(inspect.getsource, functions))
    except (OSError, TypeError):
        return ""
    return hashlib.sha256(source.encode()).hexdigest()[:16]
