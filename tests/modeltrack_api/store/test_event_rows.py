"""Check what the API makes of lines whose members are missing, or spelled otherwise than ours."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import orjson
import pytest

from addons.ledger.events import CostEvent
from modeltrack_api.store.connections import Store
from modeltrack_api.store.event_rows import INSERT_EVENT, EventRows
from modeltrack_api.store.ingest import Ingest
from modeltrack_api.store.measures import CALLER, COUNTS, FLAGS, LABELS, LISTS, MONEY, OPTIONAL, PARTS, TEXTS
from tests.modeltrack_api.serving import event


@pytest.fixture
def store(tmp_path: Path) -> Any:
    opened = Store(tmp_path / "modeltrack.db")
    opened.open()
    yield opened
    opened.close()


def nameless(**fields: Any) -> bytes:
    """A line of an event without an id."""
    return orjson.dumps({name: value for name, value in event(**fields).items() if name != "event_id"})


def read(store: Store, log: Path, *lines: bytes) -> int:
    """Append the lines and read the log. Return how many events are in the database."""
    with log.open("ab") as file:
        file.writelines(line + b"\n" for line in lines)
    assert Ingest(store, log).catch_up()
    [count] = store.writer.execute("SELECT count(*) FROM events").fetchone()
    [summed] = store.writer.execute("SELECT coalesce(sum(requests), 0) FROM daily").fetchone()
    assert count == summed
    return int(count)


def stored(store: Store, line: bytes, *columns: str) -> tuple[Any, ...]:
    """Store one event; return these columns of it and of its series."""
    with store.writing() as db:
        row = EventRows().row(db, line)
        assert row
        db.execute(INSERT_EVENT, row)
    names = ", ".join(columns)
    found = store.writer.execute(f"SELECT {names} FROM events JOIN series ON series.id = series").fetchone()
    return tuple(found)


@pytest.mark.parametrize("fields", [{}, {"event_type": ""}, {"event_type": None}, {"event_type": 7}], ids=str)
def test_an_event_without_a_type_is_filed_as_a_call(store: Store, fields: dict[str, Any]) -> None:
    members = event()
    del members["event_type"]
    assert stored(store, orjson.dumps(members | fields), "event_type", "extra") == ("llm_api", None)


def test_an_event_without_an_id_counts_once_however_often_it_is_read(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "cost_events.jsonl"
    first, second, third = (nameless(timestamp=f"2026-03-10T12:00:0{n}.123456789Z") for n in range(3))
    assert read(store, log, first) == 1
    assert read(store, log, second) == 2
    assert read(store, log.with_name(log.name + ".1"), first, second) == 2
    log.unlink()
    assert read(store, log, second, third) == 3


@pytest.mark.parametrize("event_id", ["", None, 7])
def test_an_id_that_is_no_text_is_as_if_it_were_missing(store: Store, tmp_path: Path, event_id: Any) -> None:
    lines = [orjson.dumps(event(event_id=event_id, team=team)) for team in ("a", "b")]
    assert read(store, tmp_path / "cost_events.jsonl", *lines) == 2


def test_a_line_with_neither_id_nor_cost_is_no_event(store: Store, tmp_path: Path) -> None:
    assert read(store, tmp_path / "cost_events.jsonl", b'{"timestamp": "2026-03-10T12:00:00Z", "level": "info"}') == 0


def test_counts_that_are_floats_are_rounded(store: Store) -> None:
    line = orjson.dumps(event(input_tokens=1000.0, latency_ms=12.6, ttft_ms=3.2, status_code=200.0))
    assert stored(store, line, "input_tokens", "latency_ms", "ttft_ms", "status_code") == (1000, 13, 3, 200)


def test_floats_beyond_measure_are_as_if_they_were_missing(store: Store) -> None:
    line = orjson.dumps(event(input_tokens=1e12, ttft_ms=-1e300))
    assert stored(store, line, "input_tokens", "ttft_ms") == (0, None)


@pytest.mark.parametrize(
    ("fields", "caller"),
    [
        ({}, ("", "")),
        ({"user": "ann"}, ("ann", "")),
        ({"key_id": "product-1"}, ("", "product-1")),
        ({"user": "Ännchen 团队", "key_id": "product-1"}, ("Ännchen 团队", "product-1")),
        ({"user": None, "key_id": 7}, ("", "")),
    ],
    ids=str,
)
def test_an_event_has_the_caller_that_it_names(store: Store, fields: dict[str, Any], caller: tuple[str, str]) -> None:
    stored(store, orjson.dumps(event(**fields)), "events.id")
    sql = "SELECT user, key_id FROM events JOIN callers ON callers.id = caller"
    assert store.writer.execute(sql).fetchall() == [caller]


def test_events_of_one_series_may_have_any_number_of_callers(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "cost_events.jsonl"
    lines = [orjson.dumps(event(user=f"user {n % 50}", key_id=f"key-{n % 2}")) for n in range(100)]
    assert read(store, log, *lines) == 100
    counts = [store.writer.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES]
    assert counts == [1, 1, 1, 51, 50]


TABLES = ("series", "hourly", "daily", "callers", "callers_daily")


def test_every_field_of_a_call_has_its_column() -> None:
    columns = {*LABELS, *CALLER, *MONEY.values(), *COUNTS, *PARTS, *FLAGS, *OPTIONAL, *TEXTS, *LISTS}
    made_of_others = {"event_id", "timestamp", "token_summary"}
    assert {item.name for item in fields(CostEvent)} - columns - made_of_others == set()
