"""`make bench` runs, with tiny numbers: nothing here says how fast anything is."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from addons.ledger.follower import LogFollower
from bench.startup import write_log
from tests import ROOT


@pytest.mark.parametrize(
    ("part", "first_cells"),
    [
        ("throughput", ["what", "misses", "hits", "streams", "streams, mitmdump told to pass them on"]),
        (
            "crowd",
            [
                "",
                "alone, before",
                "beside 20 idle and 5 half-open connections",
                "beside 1 MB/s of uploads that are refused",
                "alone, afterwards",
            ],
        ),
        ("streams", ["", "the provider itself", "mitmdump -q", "ModelTrack"]),
    ],
)
def test_it_prints_a_row_for_each_thing_that_is_measured(part: str, first_cells: list[str]) -> None:
    command = [sys.executable, "-m", "bench", "--quick", part]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.split("|")[1].strip() for line in done.stdout.splitlines() if line.startswith("| ")]
    assert rows == first_cells


def test_the_long_log_has_the_months_it_says(tmp_path: Path) -> None:
    log = tmp_path / "cost_events.jsonl"
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    write_log(log, 8_000, 700, now)
    lines = log.read_bytes().splitlines()
    assert len([line for line in lines if b'"timestamp":"2026-11-' in line]) == 700
    assert len(lines) == pytest.approx(8_000, rel=0.05)
    follower = LogFollower(log)
    spend = follower.spend_since((2026, 11))
    follower.close()
    assert spend.of(("product", ""), (2026, 11)) > 0 and spend.of(("product", ""), (2026, 10)) == 0
