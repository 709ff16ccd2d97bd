"""Measure how long the proxy takes from its start until it serves, with an empty log and with a long one."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from addons.ledger.events import LOG_NAME
from bench.events import lines
from bench.targets import modeltrack, write_settings

_DAYS_BEFORE = 365


def write_log(path: Path, total: int, this_month: int, now: datetime) -> None:
    """Write `total` events: so many of this month, and before it a year in which each day has the same events."""
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    days = max(1, (now - month) // timedelta(days=1))
    one_day = b"".join(line + b"\n" for line in lines((total - this_month) // _DAYS_BEFORE, month, 1))
    shown = f'"timestamp":"{month - timedelta(days=1):%Y-%m-%d}T'.encode()
    with path.open("wb") as file:
        for day in range(_DAYS_BEFORE, 0, -1):
            file.write(one_day.replace(shown, f'"timestamp":"{month - timedelta(days=day):%Y-%m-%d}T'.encode()))
        file.writelines(line + b"\n" for line in lines(this_month, now, days, seed=2))


@contextmanager
def folder(total: int, this_month: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="modeltrack-bench-") as name:
        write_settings(Path(name))
        if total:
            write_log(Path(name) / LOG_NAME, total, this_month, datetime.now(UTC))
        yield Path(name)


def seconds_to_ready(data: Path) -> float:
    start = time.monotonic()
    with modeltrack(data, "http://127.0.0.1:9"):
        return time.monotonic() - start


def compare(total: int, this_month: int, rounds: int) -> tuple[float, float]:
    """Return the median seconds with an empty log and with a long one, measured in turns."""
    with folder(0, 0) as empty, folder(total, this_month) as long:
        times = [(seconds_to_ready(empty), seconds_to_ready(long)) for _ in range(rounds)]
    empties, longs = (sorted(column) for column in zip(*times, strict=True))
    return empties[rounds // 2], longs[rounds // 2]
