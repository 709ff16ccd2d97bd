"""Find the team that a cost belongs to, from data/namespace_map.json."""

from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import Field, RootModel

from addons.ledger.config_events.log import ConfigLog
from addons.ledger.validation import parse_model
from addons.ledger.watched import WatchedFile

FILE_NAME = "namespace_map.json"
UNASSIGNED = "unassigned"

Name = Annotated[str, Field(min_length=1, max_length=256)]


class NamespaceMap(RootModel[dict[Name, Name]]):
    """The content of data/namespace_map.json: teams by Kubernetes namespace; `default` is the team of all others."""

    def team(self, namespace: str) -> str:
        """Return the team of a namespace, or for "" that of costs without one: idle nodes, untagged resources."""
        return self.root.get(namespace) or self.root.get("default") or UNASSIGNED


class Teams:
    def __init__(self, data_dir: Path) -> None:
        self._file = WatchedFile(data_dir / FILE_NAME, partial(parse_model, NamespaceMap), lambda: NamespaceMap({}))

        self._log = ConfigLog(data_dir, [self._file])

    def load(self) -> None:
        """Read the file. Raises ConfigError if it is not valid."""
        self._file.load()

    def refresh(self) -> None:
        """Read the file again if it has changed. If it is not valid, the last good version stays in force."""
        self._file.check()
        self._log.tick()

    def of(self, namespace: str) -> str:
        return self._file.value.team(namespace)
