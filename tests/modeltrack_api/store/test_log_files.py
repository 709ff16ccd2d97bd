"""Proxy, API and collector read the same files."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from addons.ledger.follower import LogFollower
from modeltrack_api.collector.once import ids_since
from modeltrack_api.store.connections import Store
from modeltrack_api.store.ingest import Ingest
from tests.modeltrack_api.serving import append, event

READ = ("", ".1", ".12", "-20260310", ".2026-03-10")
NOT_READ = (".bak", ".1.bak", ".tmp", ".old", ".1.gz", ".swp", "~", "-copy")
SINCE = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with parts and copies. Each file has a call of the team that is named as the file's suffix, and an event
    of the collector.
    """
    path = tmp_path / "cost_events.jsonl"
    for suffix in (*READ, *NOT_READ):
        call = event(event_id=f"call{suffix}", team=f"team{suffix}", cost_usd=1)
        infra = event(event_id=f"infra{suffix}", event_type="gpu_compute")
        append(path.with_name(path.name + suffix), call, infra)
    return path


def test_the_proxys_ledger_reads_the_log_and_its_rotated_parts(log: Path) -> None:
    follower = LogFollower(log)
    spend = follower.spend_since((2026, 3))
    follower.close()
    counted = [suffix for suffix in (*READ, *NOT_READ) if spend.of((f"team{suffix}", ""), (2026, 3))]
    assert counted == list(READ)


def test_the_api_reads_the_log_and_its_rotated_parts(store: Store, log: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert Ingest(store, log).catch_up()
    rows = store.writer.execute("SELECT event_id FROM events WHERE cast(event_id AS TEXT) LIKE 'call%'")
    assert sorted(row[0].decode() for row in rows) == sorted(f"call{suffix}" for suffix in READ)
    assert "cost_events.jsonl.bak is not named as logrotate does and is not read" in caplog.text
    assert "cost_events.jsonl.1.gz is compressed and is not read" in caplog.text


def test_the_collector_reads_the_log_and_its_rotated_parts(log: Path) -> None:
    assert ids_since(log, SINCE) == {f"infra{suffix}" for suffix in READ}
