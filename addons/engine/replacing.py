"""Replace parts of mitmproxy, and give them back.

A fix is needed for a correct proxy: where mitmproxy is not what it was made for, the proxy does not start. A speed-up
stays away there, and mitmproxy's own code runs.
"""

import logging
from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

from mitmproxy import version

from addons.core import Core
from addons.engine.checking import Function
from addons.engine.touchpoints.releases import RELEASES

logger = logging.getLogger(__name__)

_ABSENT: Any = object()


class Replacement(NamedTuple):
    owner: Any
    """A module, a class or an object; the name may be one that it only inherits."""
    name: str
    value: Any


class Replacements:
    """Replacements that are made and undone together."""

    def __init__(self, replacements: Iterable[Replacement]) -> None:
        self._replacements = tuple(replacements)
        self._originals: list[tuple[Replacement, Any]] = []

    def apply(self) -> bool:
        """Replace each, remember what was there, and return True. To be called once only."""
        for each in self._replacements:
            self._originals.append((each, vars(each.owner).get(each.name, _ABSENT)))
            setattr(each.owner, each.name, each.value)
        return True

    def undo(self) -> None:
        """Put back what was there, but where others have put something on top."""
        for (owner, name, value), original in self._originals:
            if vars(owner).get(name) != value:
                continue
            if original is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, original)
        self._originals.clear()


class Fix:
    """Replaces something of mitmproxy for as long as it is loaded. If it cannot, the proxy serves nothing."""

    name: ClassVar[str]
    relies_on: ClassVar[tuple[Function, ...]]
    """The functions that the fix replaces, and those that it builds on."""
    replacements: ClassVar[tuple[Replacement, ...]]

    def __init__(self, core: Core) -> None:
        self._core = core
        self._applied = Replacements(self.replacements)

    def load(self, _: object) -> None:
        """Log an error where mitmproxy is not as expected, which ends a start; a running proxy refuses requests."""
        problems = [problem for each in self.relies_on if (problem := each.deviation(trusts_version=True))]
        if not problems:
            self._applied.apply()
            return
        self._core.failure = (
            f"the fix '{self.name}' was made for mitmproxy {', '.join(RELEASES)}; with this {version.VERSION} something"
            f" differs, so the proxy does not start: {'; '.join(problems)}"
        )
        logger.error("%s", self._core.failure)

    def done(self) -> None:
        self._applied.undo()


class SpeedUp(Replacements):
    """Replacements that are made only where mitmproxy is as expected."""

    def __init__(
        self, what: str, relies_on: Iterable[Function], replacements: Iterable[Replacement], problem: str = ""
    ) -> None:
        """`problem` keeps it away whatever the functions are like."""
        super().__init__(replacements)
        self.what = what
        self.problem = ""
        """Says why it was not made."""
        self._own_problem = problem
        self._relies_on = tuple(relies_on)

    def apply(self) -> bool:
        """Return False where mitmproxy has another function, or somebody has replaced it: then that stays."""
        self.problem = self._own_problem or next(filter(None, (each.deviation() for each in self._relies_on)), "")
        return not self.problem and super().apply()
