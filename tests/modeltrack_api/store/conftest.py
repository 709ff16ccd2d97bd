"""Open a database, and a log that is read into it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from modeltrack_api.store.connections import Store
from modeltrack_api.store.ingest import Ingest


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "modeltrack.db")
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "cost_events.jsonl"


@pytest.fixture
def ingest(store: Store, log: Path) -> Ingest:
    return Ingest(store, log)
