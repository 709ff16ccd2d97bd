import logging
import sqlite3
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from addons.ledger.event_log import EventLog
from addons.ledger.events import InfraEvent
from addons.ledger.spend import fold
from modeltrack_api.collector.aws import AwsCosts
from modeltrack_api.collector.once import OnceLog, State
from modeltrack_api.collector.opencost import OpenCost
from modeltrack_api.collector.runner import Runner
from modeltrack_api.collector.source import Source, SourceError, Window
from modeltrack_api.collector.teams import Teams
from modeltrack_api.store.connections import Store
from modeltrack_api.store.ingest import Ingest
from modeltrack_api.store.sums import totals
from modeltrack_api.utc import ALWAYS, DAY, micros
from tests.modeltrack_api.collector.conftest import HOUR, NOW, events_in, write_map
from tests.modeltrack_api.collector.fakes import FakeAws, FakeOpenCost, group, idle, pod

GO_ON = threading.Event()


class Bench:
    """A runner whose clocks stand still. Its folder may have the files of an earlier runner."""

    def __init__(self, folder: Path, teams: Teams, *sources: Source, hours: int = 3) -> None:
        self.now = NOW
        self.seconds = 0.0
        self.runner = Runner(
            sources,
            teams,
            OnceLog(EventLog(folder / "cost_events.jsonl")),
            State(folder / "collector_state.json"),
            now=lambda: self.now,
            interval=600,
            backfill=timedelta(hours=hours),
            monotonic=lambda: self.seconds,
        )
        self.runner.open()

    def round(self) -> float:
        """Collect until there is nothing to do for now. Return the seconds until the next turn."""
        while not (pause := self.runner.round(GO_ON)):
            pass
        return pause

    def later(self, **time: float) -> float:
        self.now += timedelta(**time)
        self.seconds += timedelta(**time).total_seconds()
        return self.round()


class Broken:
    """A source that fails as often as the test says."""

    name = "broken"
    length = timedelta(hours=1)
    lag = timedelta(0)

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.windows: list[Window] = []

    def collect(self, window: Window) -> list[InfraEvent]:
        self.windows.append(window)
        if self.errors:
            raise self.errors.pop(0)
        return []


def costs(folder: Path) -> list[tuple[str, str, float]]:
    return [(event["timestamp"][11:16], event["team"], event["cost_usd"]) for event in events_in(folder)]


@pytest.fixture
def source(opencost: FakeOpenCost, teams: Teams) -> OpenCost:
    opencost.entries = [pod("ml-research", "a-1", 0.5), idle(0.25)]
    return OpenCost(opencost.url, teams)


def test_each_window_is_written_once(tmp_path: Path, teams: Teams, source: OpenCost) -> None:
    bench = Bench(tmp_path, teams, source)
    bench.round()
    bench.later(minutes=10)
    Bench(tmp_path, teams, source).round()
    expected = [
        (hour, team, cost)
        for hour in ("08:00", "09:00", "10:00")
        for team, cost in (("ml-research", 0.5), ("platform", 0.25))
    ]
    assert costs(tmp_path) == expected
    bench.later(minutes=60)
    assert costs(tmp_path) == [*expected, ("11:00", "ml-research", 0.5), ("11:00", "platform", 0.25)]


def test_also_when_the_state_is_lost_and_the_figures_have_changed(
    tmp_path: Path, teams: Teams, opencost: FakeOpenCost, source: OpenCost
) -> None:
    Bench(tmp_path, teams, source).round()
    before = costs(tmp_path)
    (tmp_path / "collector_state.json").unlink()
    opencost.entries[0]["totalCost"] = 0.75
    Bench(tmp_path, teams, source).round()
    assert costs(tmp_path) == before


def test_a_map_that_changes_holds_from_the_next_window_on(tmp_path: Path, teams: Teams, source: OpenCost) -> None:
    bench = Bench(tmp_path, teams, source, hours=1)
    bench.round()
    write_map(tmp_path, {"ml-research": "science"})
    bench.later(hours=1)
    assert [team for _, team, _ in costs(tmp_path)] == ["ml-research", "platform", "science", "unassigned"]


def test_a_source_that_fails_does_not_stop_the_others(tmp_path: Path, teams: Teams, source: OpenCost) -> None:
    Bench(tmp_path, teams, Broken(SourceError("no")), source, Broken(RuntimeError("bug")), hours=1).round()
    assert costs(tmp_path) == [("10:00", "ml-research", 0.5), ("10:00", "platform", 0.25)]


def test_a_source_that_fails_is_tried_again_later_and_later(
    tmp_path: Path, teams: Teams, caplog: pytest.LogCaptureFixture
) -> None:
    source = Broken(*[SourceError("HTTP 503")] * 7)
    bench = Bench(tmp_path, teams, source, hours=1)
    with caplog.at_level(logging.INFO):
        pauses = [bench.round()]
        while source.errors:
            pauses.append(bench.later(seconds=pauses[-1]))
        pauses.append(bench.later(seconds=pauses[-1]))
    assert pauses == [30, 60, 120, 240, 480, 600, 600, 600]
    assert len(source.windows) == 8
    assert {window.start for window in source.windows[:-1]} == {HOUR.start}
    assert caplog.messages[0] == (
        "broken: the window from 2026-11-24 10:00 was not collected: HTTP 503; trying again in 30 s"
    )
    assert caplog.messages[-1] == "broken: collected the window from 2026-11-24 11:00: 0 new events, $0.00"


def test_sources_take_turns_so_that_a_long_backfill_does_not_hold_up_the_others(tmp_path: Path, teams: Teams) -> None:
    first, second = Broken(), Broken()
    second.name = "second"
    bench = Bench(tmp_path, teams, first, second, hours=100)
    bench.runner.round(GO_ON)
    assert [len(source.windows) for source in (first, second)] == [1, 1]


def test_it_goes_on_at_the_window_that_failed(tmp_path: Path, teams: Teams) -> None:
    source = Broken()
    bench = Bench(tmp_path, teams, source, hours=3)
    source.errors = [SourceError("no")]
    bench.round()
    bench.later(seconds=30)
    assert [window.start.hour for window in source.windows] == [8, 8, 9, 10]


def test_what_is_missed_beyond_the_bound_is_left_out(tmp_path: Path, teams: Teams) -> None:
    source = Broken()
    bench = Bench(tmp_path, teams, source, hours=3)
    bench.round()
    bench.later(days=30)
    assert [window.start - bench.now for window in source.windows[3:]] == [
        timedelta(hours=-hours, minutes=-30) for hours in (3, 2, 1)
    ]


def test_it_stops_between_two_windows(tmp_path: Path, teams: Teams) -> None:
    stop = threading.Event()

    class Stopping(Broken):
        def collect(self, window: Window) -> list[InfraEvent]:
            stop.set()
            return super().collect(window)

    source = Stopping()
    Bench(tmp_path, teams, source).runner.run(stop)
    assert len(source.windows) == 1


def test_a_disk_that_is_full_loses_nothing(
    tmp_path: Path, teams: Teams, source: OpenCost, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, teams, source, hours=1)
    with monkeypatch.context() as full:
        full.setattr("os.write", lambda fd, data: 0)
        assert bench.round() == 30
    bench.later(seconds=30)
    assert costs(tmp_path) == [("10:00", "ml-research", 0.5), ("10:00", "platform", 0.25)]
    Bench(tmp_path, teams, source, hours=1).round()
    assert len(costs(tmp_path)) == 2


@pytest.fixture
def database(tmp_path: Path) -> Iterator[tuple[Store, Ingest]]:
    store = Store(tmp_path / "modeltrack.db")
    store.open()
    yield store, Ingest(store, tmp_path / "cost_events.jsonl")
    store.close()


def rows(db: sqlite3.Connection, **question: Any) -> list[tuple[Any, ...]]:
    found = totals(db, measures=("cost_nanos",), **question)
    return [tuple(row) for row in found]


def test_the_api_sees_each_teams_costs_on_their_day(
    tmp_path: Path, teams: Teams, source: OpenCost, aws: FakeAws, database: tuple[Store, Ingest]
) -> None:
    aws.days = {f"2026-11-{day}": [[group("Amazon S3", "product", f"{day}.123456789")]] for day in (20, 21, 22)}
    bench = Bench(tmp_path, teams, source, AwsCosts(teams, "team", 2, has_opencost=True), hours=50)
    bench.round()
    store, ingest = database
    ingest.catch_up()
    with store.reading() as db:
        by_team = rows(db, window=ALWAYS, by=("team",), event_type=None)
        by_day = rows(db, window=ALWAYS, bucket=DAY, event_type="aws_infrastructure")
        llm = totals(db, ALWAYS)[0]
    assert by_team == [("ml-research", 50 * 500_000_000), ("platform", 50 * 250_000_000), ("product", 41_246_913_578)]
    pods = 750_000_000

    def day(number: int) -> int:
        return micros(datetime(2026, 11, number, tzinfo=HOUR.start.tzinfo))

    assert by_day == [
        (day(20), 20_123_456_789),
        (day(21), 21_123_456_789),
        (day(22), 15 * pods),
        (day(23), 24 * pods),
        (day(24), 11 * pods),
    ]
    assert llm["requests"] is None


def test_no_budget_counts_them(tmp_path: Path, teams: Teams, source: OpenCost) -> None:
    Bench(tmp_path, teams, source).round()
    events = events_in(tmp_path)
    assert len(events) == 6
    assert fold(events).of(("ml-research", ""), (2026, 11)) == 0
