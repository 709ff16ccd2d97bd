"""Whom a cost is for: data/namespace_map.json, and who gets what it does not name."""

from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import Field, RootModel

from addons.ledger.validation import parse_model
from addons.ledger.watched import WatchedFile

FILE_NAME = "namespace_map.json"
UNASSIGNED = "unassigned"

Name = Annotated[str, Field(min_length=1, max_length=256)]


class NamespaceMap(RootModel[dict[Name, Name]]):
    """data/namespace_map.json: Kubernetes namespace to team; `default` catches the rest."""

    def team(self, namespace: str) -> str:
        """Of a namespace, or with "" of what belongs to none: idle nodes, untagged resources."""
        return self.root.get(namespace) or self.root.get("default") or UNASSIGNED


class Teams:
    def __init__(self, data_dir: Path) -> None:
        self._file = WatchedFile(data_dir / FILE_NAME, partial(parse_model, NamespaceMap), lambda: NamespaceMap({}))

    def load(self) -> None:
        """Raises ConfigError."""
        self._file.load()

    def refresh(self) -> None:
        """Read the file again; one that does not validate leaves the last good version in force."""
        self._file.check()

    def of(self, namespace: str) -> str:
        return self._file.value.team(namespace)
