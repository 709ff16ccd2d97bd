"""Open an event log."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from addons.ledger.event_log import EventLog


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "cost_events.jsonl"


@pytest.fixture
def log(path: Path) -> Iterator[EventLog]:
    log = EventLog(path)
    log.open()
    yield log
    log.close()
