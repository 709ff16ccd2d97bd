"""Databases of every older version open, keep their rows, and give the sums that a new database gives."""

import hashlib
import json
import re
import sqlite3
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from bench.events import lines
from modeltrack_api.store.connections import Store, _statements
from modeltrack_api.store.ingest import Ingest
from modeltrack_api.store.measures import (
    CALLER,
    COUNTS,
    FLAGS,
    GPU_MEASURES,
    LABELS,
    LISTS,
    MEASURES,
    MONEY,
    OPTIONAL,
    PARTS,
    PROMPT_MEASURES,
    TEXTS,
)
from modeltrack_api.store.schema import MIGRATIONS
from modeltrack_api.utc import DAY
from tests.modeltrack_api.serving import append, event

MADE = Path(__file__).parent / "made_by_4e2178a"
"""A database as that commit made it of the log beside it, with alerts, schedules and messages; its version is 2."""

HASHES = (
    "4e31f5e36e6e0e8d74feeee212d55cc5307c42c59b465d64a9284545f5f6b1ea",
    "ab542d17802d5dfa58e1b340af9968bcdf9362d06b2e1c4c2f252141e45e1ac3",
    "50853e39ce34a18ca168802cff5197efc4793ec8ce55d3e64f9baea785fd9598",
    "2fc2009749e7a76693a5a5d347f85fe21f8aff335622b8737c6f121bf6f38976",
    "05d34b916432d8b676e746cfa06c4750b7b8f24684e4cd69552c4844ec3c6a73",
    "45f998e360288725837e5782fb39e23fca55c82885fd95d19c69e13ec0bad773",
)
"""The SHA-256 of each migration that was released."""

COLUMNS = {
    "series": ("id", *LABELS),
    "callers": ("id", *CALLER),
    "events": (
        *(
            "id",
            "event_id",
            "ts",
            "series",
            "caller",
            *MONEY.values(),
            *COUNTS,
            *PARTS,
            *FLAGS,
            *OPTIONAL,
            *TEXTS,
            *LISTS,
        ),
        "extra",
    ),
    "facts": ("id", "start", "series", "caller", *MEASURES),
    "hourly": ("start", "series", *MEASURES),
    "daily": ("start", "series", *MEASURES),
    "callers_daily": ("start", "caller", "series", *MEASURES),
    "prompt_facts": ("id", "start", "prompt_id", "series", "caller", *PROMPT_MEASURES),
    "prompts_daily": ("start", "prompt_id", "series", *PROMPT_MEASURES),
    "gpu_facts": ("id", "start", "resource_id", "gpu_type", "series", *GPU_MEASURES),
    "gpus_daily": ("start", "resource_id", "gpu_type", "series", *GPU_MEASURES),
}
OLD_SUMS = ("events", "hourly", "daily", "prompts_daily", "gpus_daily")
"""The tables of events and sums that 4e2178a had."""
INPUT = ("alerts", "alert_budgets", "report_schedules", "outbox")
"""The tables that people and schedules fill."""

INSERT = re.compile(r'INSERT INTO "(\w+)" VALUES')


def statements_of_the_dump() -> list[str]:
    return list(_statements((MADE / "modeltrack.sql").read_text()))


def inserts() -> dict[str, list[str]]:
    """The dump's rows, by table."""
    found: dict[str, list[str]] = {}
    for statement in statements_of_the_dump():
        if table := INSERT.match(statement):
            found.setdefault(table[1], []).append(statement)
    return found


def dumped(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    for statement in statements_of_the_dump():
        db.execute(statement)
    return db


def migrated(path: Path, version: int) -> None:
    """Make a database of this version by its migrations alone. The dump's rows come in as soon as their tables do."""
    db = sqlite3.connect(path, isolation_level=None)
    waiting = inserts()
    del waiting["sqlite_sequence"]  # SQLite fills it by itself
    db.execute("BEGIN")
    for migration in MIGRATIONS[:version]:
        for statement in _statements(migration):
            db.execute(statement)
        tables = {name for [name] in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        for table in tables & waiting.keys():
            for statement in waiting.pop(table):
                db.execute(statement)
    db.execute(f"PRAGMA user_version = {version}")
    db.execute("COMMIT")
    db.close()


def opened(path: Path) -> Store:
    store = Store(path)
    store.open()
    return store


def contents(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Everything that is read from the log, with labels in the place of the numbers of series and callers."""
    found: dict[str, list[tuple[object, ...]]] = {}
    labels = ", ".join(f"series.{name}" for name in LABELS)
    callers = ", ".join(f"callers.{name}" for name in CALLER)
    for table, columns in (COLUMNS | {"session_series": ("session_id", "series", "caller")}).items():
        if table in ("series", "callers"):
            continue
        names = ", ".join([f"t.{name}" for name in columns if name not in ("series", "caller")])
        sql = f"SELECT {names}, {labels} FROM {table} t LEFT JOIN series ON series.id = t.series"
        if "caller" in columns:
            sql = sql.replace(" FROM", f", {callers} FROM", 1) + " LEFT JOIN callers ON callers.id = t.caller"
        found[table] = sorted(store.writer.execute(sql), key=repr)
    found["sessions"] = sorted(store.writer.execute("SELECT * FROM sessions"))
    found["callers"] = sorted(store.writer.execute(f"SELECT {callers} FROM callers"))
    found["series"] = sorted(store.writer.execute(f"SELECT {labels} FROM series"))
    return found


def made_anew(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """The contents of a new database that has read the same log."""
    store = opened(folder / "new.db")
    assert Ingest(store, MADE / "cost_events.jsonl").catch_up()
    found = contents(store)
    store.close()
    return found


def test_the_dump_has_what_the_migrations_have_to_deal_with() -> None:
    dump = (MADE / "modeltrack.sql").read_text()
    assert sorted(inserts()) == sorted(
        {*OLD_SUMS, *INPUT, "series", "sessions", "session_series", "log_files", "sqlite_sequence"}
    )
    assert "VALUES(2,'','anthropic'" in dump  # a series without a type


def test_the_first_two_migrations_make_the_very_schema_that_4e2178a_made(tmp_path: Path) -> None:
    schema = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
    before = dumped(tmp_path / "before.db")
    now = sqlite3.connect(tmp_path / "now.db", isolation_level=None)
    for migration in MIGRATIONS[:2]:
        for statement in _statements(migration):
            now.execute(statement)
    assert now.execute(schema).fetchall() == before.execute(schema).fetchall()
    before.close()
    now.close()


def test_a_database_that_4e2178a_made_gives_the_sums_that_a_new_one_gives(tmp_path: Path) -> None:
    dumped(tmp_path / "old.db").close()
    store = opened(tmp_path / "old.db")
    found = contents(store)
    store.close()
    assert found == made_anew(tmp_path)


def test_a_database_that_4e2178a_made_keeps_what_people_put_in(tmp_path: Path) -> None:
    old = dumped(tmp_path / "old.db")
    tables = (*INPUT, "log_files", "sqlite_sequence")
    columns = {table: ", ".join(name for _, name, *_ in old.execute(f"PRAGMA table_info({table})")) for table in tables}
    before = {table: old.execute(f"SELECT {columns[table]} FROM {table}").fetchall() for table in tables}
    old.close()
    store = opened(tmp_path / "old.db")
    now = {table: store.writer.execute(f"SELECT {columns[table]} FROM {table}").fetchall() for table in tables}
    assert now == before
    store.close()


@pytest.mark.parametrize("version", range(len(MIGRATIONS) + 1))
def test_a_database_of_each_version_opens_with_its_rows_and_sums(tmp_path: Path, version: int) -> None:
    migrated(tmp_path / "old.db", version)
    store = opened(tmp_path / "old.db")
    assert store.writer.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    found = contents(store)
    kept = {table: store.writer.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in INPUT}
    store.close()
    assert found == (made_anew(tmp_path) if version else {table: [] for table in found} | {"callers": [("", "")]})
    assert kept == {table: len(inserts()[table]) if version > 1 else 0 for table in INPUT}


def before_unpriced_sums(path: Path, new: Path) -> None:
    """Make a database of version 3 with the events of a new one, and the sums of them that its migration keeps."""
    db = sqlite3.connect(path, isolation_level=None)
    for migration in MIGRATIONS[:3]:
        for statement in _statements(migration):
            db.execute(statement)
    db.execute("ATTACH ? AS new", (str(new),))
    for table in ("series", "events", "sessions", "session_series"):
        columns = ", ".join(name for _, name, *_ in db.execute(f"PRAGMA main.table_info({table})"))
        db.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")
    for table, view, keys in (
        ("prompts_daily", "prompt_facts", ("prompt_id",)),
        ("gpus_daily", "gpu_facts", ("resource_id", "gpu_type")),
    ):
        keyed = ("start", *keys, "series")
        measures = [name for _, name, *_ in db.execute(f"PRAGMA main.table_info({table})") if name not in keyed]
        sums = ", ".join(f"sum({name})" for name in measures)
        db.execute(
            f"INSERT INTO main.{table} ({', '.join([*keyed, *measures])})"
            f" SELECT start / {DAY} * {DAY} AS day, {', '.join(keyed[1:])}, {sums} FROM main.{view}"
            f" GROUP BY day, {', '.join(keyed[1:])}"
        )
    db.execute("PRAGMA user_version = 3")
    db.close()


def test_a_database_without_sums_of_unpriced_calls_gives_those_that_a_new_one_gives(tmp_path: Path) -> None:
    gpu = {"event_type": "gpu_compute", "service": "ec2", "gpu_type": "h100", "resource_id": "i-1", "model": ""}
    machines = [event(**gpu, cost_usd=cost, gpu_utilization_pct=50) for cost in (None, None, 2.5)]
    log = tmp_path / "cost_events.jsonl"
    log.write_bytes(b"".join(line + b"\n" for line in lines(3000, datetime(2026, 3, 31, tzinfo=UTC), days=5)))
    append(log, *machines, event(model="mine", cost_usd=None, session_id="s", prompt_hash="0a0b0c0d"))
    new = opened(tmp_path / "new.db")
    assert Ingest(new, log).catch_up()
    expected = contents(new)
    assert new.writer.execute("SELECT sum(unpriced) FROM sessions").fetchone() > (1,)
    new.close()
    before_unpriced_sums(tmp_path / "old.db", tmp_path / "new.db")
    old = opened(tmp_path / "old.db")
    assert contents(old) == expected
    old.close()


def test_events_of_a_migrated_database_are_added_to(tmp_path: Path) -> None:
    dumped(tmp_path / "old.db").close()
    store = opened(tmp_path / "old.db")
    before = contents(store)
    assert Ingest(store, MADE / "cost_events.jsonl").catch_up()
    assert contents(store) == before  # a file that is read again adds nothing
    store.close()


def test_callers_are_told_apart_in_a_database_from_before_them(tmp_path: Path) -> None:
    dumped(tmp_path / "old.db").close()
    log = tmp_path / "cost_events.jsonl"
    [first, *_] = (MADE / "cost_events.jsonl").read_bytes().splitlines()
    log.write_bytes((MADE / "cost_events.jsonl").read_bytes())
    for number, user in enumerate(("", "ann", "ann", "bob")):
        append(log, json.loads(first) | {"event_id": f"of a caller, {number}", "user": user, "key_id": "k" * number})
    found = []
    for name in ("old.db", "new.db"):
        store = opened(tmp_path / name)
        assert Ingest(store, log).catch_up()
        found.append(contents(store))
        store.close()
    assert found[0] == found[1]
    assert found[0]["callers"] == [("", ""), ("ann", "k"), ("ann", "kk"), ("bob", "kkk")]


def test_released_migrations_are_not_edited() -> None:
    found = tuple(hashlib.sha256(migration.encode()).hexdigest() for migration in MIGRATIONS)
    assert found[: len(HASHES)] == HASHES, (
        "A migration that was released has changed. Databases that were made with it exist and would keep the old"
        " schema: put its text back, and write the change as a new migration, store/migrations/<next number>.sql."
    )
    assert len(found) == len(HASHES), "A migration is new: add its hash to HASHES before it is released."


def test_migrations_are_numbered_without_a_gap() -> None:
    names = sorted(file.name for file in (files("modeltrack_api.store") / "migrations").iterdir())
    assert names == [f"{number:03}.sql" for number in range(1, len(MIGRATIONS) + 1)]


@pytest.mark.parametrize("table", COLUMNS)
def test_the_tables_have_the_columns_that_the_code_names(tmp_path: Path, table: str) -> None:
    store = opened(tmp_path / "modeltrack.db")
    found = [column[1] for column in store.writer.execute(f"PRAGMA table_xinfo({table})")]
    store.close()
    assert sorted(found) == sorted(COLUMNS[table]), (
        f"{table} and store/measures.py disagree. Existing databases need the change too: add a migration,"
        " store/migrations/<next number>.sql, that alters the tables and views and fills what is new from `events`."
    )
