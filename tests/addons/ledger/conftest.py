"""Make a file that is watched; it holds one number."""

from pathlib import Path

import pytest

from addons.ledger.watched import WatchedFile
from tests.addons.ledger.limit import parse


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "limit.json"
    path.write_bytes(b"1")
    return path


@pytest.fixture
def file(path: Path) -> WatchedFile[int]:
    file = WatchedFile(path, parse, lambda: 0)
    file.load()
    return file
