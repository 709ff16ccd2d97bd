"""Run the command `modeltrack keys` in this process, at a time of one's own."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from modeltrack_api.cli.__main__ import main

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)


class Done(NamedTuple):
    code: int
    out: str
    err: str


class Keys:
    """Runs the command on a folder, and reads what is there then."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.path = folder / "keys.json"
        self.now = NOW
        self._capsys = capsys

    def run(self, *arguments: str) -> Done:
        try:
            code = main(["keys", *arguments, "--data-dir", str(self.folder)], lambda: self.now)
        except SystemExit as end:
            assert isinstance(end.code, int)
            code = end.code
        out, err = self._capsys.readouterr()
        return Done(code, out, err)

    def make(self, *arguments: str) -> str:
        """Run `new` or another command that makes a key, and return the key."""
        done = self.run(*arguments, "--quiet")
        assert done.code == 0, done.err
        return done.out.strip()

    def entries(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.path.read_bytes())["keys"]
        return found

    def ids(self) -> list[str]:
        return [entry["id"] for entry in self.entries()]

    def events(self) -> list[dict[str, Any]]:
        path = self.folder / "config_events.jsonl"
        return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []
