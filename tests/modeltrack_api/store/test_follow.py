import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modeltrack_api.app import App
from modeltrack_api.store import follow
from tests.modeltrack_api.serving import append, event, opened, settings


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "cost_events.jsonl"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    yield App(settings(tmp_path))


def wait_for(app: App, count: int, seconds: float = 10) -> bool:
    pause = threading.Event()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with app.store.reading() as db:
            if db.execute("SELECT count(*) FROM events").fetchone()[0] == count:
                return True
        pause.wait(0.02)
    return False


def test_the_log_is_followed_without_anybody_asking(app: App, log: Path) -> None:
    append(log, event())
    with opened(app):
        assert app.follower.ready.wait(10)
        for count in range(2, 5):
            append(log, event())
            assert wait_for(app, count)


def test_where_files_cannot_be_watched_they_are_polled(app: App, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_inotify() -> None:
        raise OSError("inotify instance limit reached")

    monkeypatch.setattr("addons.ledger.watching.Observer", no_inotify)
    with opened(app):
        assert app.follower.ready.wait(10)
        append(log, event())
        assert wait_for(app, 1)


def test_a_log_that_cannot_be_read_is_tried_again(app: App, log: Path, caplog: pytest.LogCaptureFixture) -> None:
    append(log, event())
    real, failures = app.ingest.catch_up, [PermissionError("no"), PermissionError("no")]

    def catch_up(*args: object) -> bool:
        if failures:
            raise failures.pop()
        return real(*args)  # type: ignore[arg-type]

    app.ingest.catch_up = catch_up  # type: ignore[method-assign]
    app.follower._interval = 0.01
    with opened(app):
        assert app.follower.ready.wait(10)
    problems = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert problems == ["the event log cannot be read into the database: no"]


def test_progress_goes_on_over_the_slices_of_one_reading(app: App, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "_SLICE_SECONDS", -1)
    monkeypatch.setattr("modeltrack_api.store.ingest._BATCH_LINES", 2)
    append(log, *[event() for _ in range(5)])
    told: list[int] = []
    app.follower.progress = lambda lines, done, total: told.append(lines)
    with opened(app):
        assert app.follower.ready.wait(10)
    assert told == [2, 4, 5]
