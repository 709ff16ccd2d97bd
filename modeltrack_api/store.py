"""The API's database: cost events out of the log, and sums of them by hour and by day, in SQLite.

Everything here can be made again from the log, but for what people and schedules put in (alerts, their budgets, report
schedules, unsent messages). Money is in nano-USD, times in microseconds since 1970 (UTC).

What an event is filed under (team, model, …) stands once in `series`, as labels do in a time-series database; events
and sums refer to it by number. So the sums stay small, and grouping by one label touches a few hundred rows of text.
"""

import queue
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

LABELS = (
    "event_type",
    "provider",
    "model",
    "team",
    "app_id",
    "feature",
    "customer_tier",
    "routed_from",
    "routed_to",
    "routing_rule",
    "service",
)
"""Of a series, each a text, "" where the event has none."""

COUNTS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "latency_ms")
TEXTS = ("session_id", "trace_id", "blocked_by", "error", "prompt_hash", "prompt_template_id")
OPTIONAL = ("ttft_ms", "status_code", "system_prompt_tokens", "user_prompt_tokens")
FLAGS = ("is_streaming", "cache_hit", "usage_estimated")
MONEY = {"cost_usd": "cost_nanos", "saved_usd": "saved_nanos"}
"""Name in the log, and here."""
EXTRA = (
    *("resource_id", "region", "instance_type", "gpu_type", "gpu_count", "gpu_utilization_pct"),
    *("namespace", "pod_name", "job_name"),
)
"""What only the collector's events have: one JSON object in the column `extra`, null for other events."""

MEASURES = {
    "requests": "1",
    "cost_nanos": "coalesce(e.cost_nanos, 0)",
    "input_tokens": "e.input_tokens + e.cache_read_tokens + e.cache_write_tokens",
    "output_tokens": "e.output_tokens",
    "cache_hits": "e.cache_hit",
    # Asked of the cache in vain: what is neither streamed, which is never cached, nor refused before.
    "cache_misses": "e.cache_hit = 0 and e.is_streaming = 0 and e.blocked_by = ''",
    "saved_by_cache": "iif(e.cache_hit, coalesce(e.saved_nanos, 0), 0)",
    "saved_by_routing": "iif(e.cache_hit, 0, coalesce(e.saved_nanos, 0))",
    "blocked": "e.blocked_by != ''",
    "blocked_by_rule": "e.blocked_by = 'rule'",
    "errors": "e.error != '' and e.blocked_by = ''",
    "unpriced": "e.cost_nanos is null",
}
"""What is summed by hour and day, and how it is read off an event. Input tokens include the cache's, as those of a
request do; those of a cache hit were used by the call that it repeats, and count here as well."""

PROMPT_MEASURES = {
    "requests": "1",
    "cost_nanos": MEASURES["cost_nanos"],
    "system_tokens": "coalesce(e.system_prompt_tokens, 0)",
    "user_tokens": "coalesce(e.user_prompt_tokens, 0)",
    "output_tokens": MEASURES["output_tokens"],
    "paid": "coalesce(e.cost_nanos > 0, 0)",
    "paid_input_tokens": f"iif(e.cost_nanos > 0, {MEASURES['input_tokens']}, 0)",
    "paid_cached_tokens": "iif(e.cost_nanos > 0, e.cache_read_tokens + e.cache_write_tokens, 0)",
    "paid_output_tokens": "iif(e.cost_nanos > 0, e.output_tokens, 0)",
}
"""What is summed of each prompt by day. The paid calls are those on which something could have been saved."""

_PERCENT = (
    "iif(json_type(e.extra, '$.gpu_utilization_pct') IN ('integer', 'real'), e.extra ->> 'gpu_utilization_pct', null)"
)
GPU_MEASURES = {
    "cost_nanos": MEASURES["cost_nanos"],
    "measured": f"{_PERCENT} IS NOT NULL",
    "millionths": f"coalesce(CAST(round(min(max({_PERCENT}, 0), 100) * 1000000) AS INTEGER), 0)",
}
"""What is summed of each GPU by day; the percents as whole numbers, whose sum does not depend on their order."""

_PROMPT_ID = "coalesce(nullif(e.prompt_template_id, ''), e.prompt_hash)"


def _columns(measures: Mapping[str, str]) -> str:
    return ", ".join(f"{name} INTEGER NOT NULL" for name in measures)


def _facts(measures: Mapping[str, str]) -> str:
    return ", ".join(f"{expression} AS {name}" for name, expression in measures.items())


_SCHEMA = f"""
CREATE TABLE log_files (
    device INTEGER, inode INTEGER,
    head BLOB NOT NULL,      -- the file's first bytes, since inodes are used again
    offset INTEGER NOT NULL, -- up to which it has been read
    PRIMARY KEY (device, inode)
) STRICT, WITHOUT ROWID;

CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    {", ".join(f"{name} TEXT NOT NULL" for name in LABELS)},
    UNIQUE ({", ".join(LABELS)})
) STRICT;

CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    event_id BLOB NOT NULL UNIQUE,
    ts INTEGER NOT NULL,
    series INTEGER NOT NULL,
    cost_nanos INTEGER,
    saved_nanos INTEGER,
    {", ".join(f"{name} INTEGER NOT NULL" for name in (*COUNTS, *FLAGS))},
    {", ".join(f"{name} INTEGER" for name in OPTIONAL)},
    {", ".join(f"{name} TEXT NOT NULL" for name in TEXTS)},
    extra TEXT
) STRICT;
CREATE INDEX events_by_time ON events (ts);
CREATE INDEX events_by_series ON events (series, ts);
CREATE INDEX events_by_session ON events (session_id, ts) WHERE session_id != '';
CREATE INDEX events_by_trace ON events (trace_id, session_id) WHERE trace_id != '';

-- The same columns as the tables of sums, for the parts of hours and days at the ends of a range.
CREATE VIEW facts AS SELECT e.id, e.ts AS start, e.series, {_facts(MEASURES)} FROM events e;
CREATE TABLE hourly (
    start INTEGER, series INTEGER, {_columns(MEASURES)}, PRIMARY KEY (start, series)
) STRICT, WITHOUT ROWID;
CREATE TABLE daily (
    start INTEGER, series INTEGER, {_columns(MEASURES)}, PRIMARY KEY (start, series)
) STRICT, WITHOUT ROWID;

CREATE VIEW prompt_facts AS
    SELECT e.id, e.ts AS start, {_PROMPT_ID} AS prompt_id, e.series, {_facts(PROMPT_MEASURES)}
    FROM events e WHERE extra IS NULL AND {_PROMPT_ID} != '';
-- By prompt first: that is how they are grouped, and the order of the table then spares the sorting.
CREATE TABLE prompts_daily (
    start INTEGER, prompt_id TEXT, series INTEGER, {_columns(PROMPT_MEASURES)}, PRIMARY KEY (prompt_id, series, start)
) STRICT, WITHOUT ROWID;

CREATE VIEW gpu_facts AS
    SELECT e.id, e.ts AS start, coalesce(e.extra ->> 'resource_id', '') AS resource_id,
           coalesce(e.extra ->> 'gpu_type', '') AS gpu_type, e.series, {_facts(GPU_MEASURES)}
    FROM events e WHERE extra IS NOT NULL AND (coalesce(e.extra ->> 'gpu_type', '') != '' OR {_PERCENT} IS NOT NULL);
CREATE INDEX events_with_extra ON events (ts) WHERE extra IS NOT NULL;
CREATE TABLE gpus_daily (
    start INTEGER, resource_id TEXT, gpu_type TEXT, series INTEGER, {_columns(GPU_MEASURES)},
    PRIMARY KEY (start, resource_id, gpu_type, series)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    session_id TEXT PRIMARY KEY,
    first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
    requests INTEGER NOT NULL, cost_nanos INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_time ON sessions (last_seen);
CREATE TABLE session_series (session_id TEXT, series INTEGER, PRIMARY KEY (session_id, series)) STRICT, WITHOUT ROWID;
"""

_ALERTS = """
-- What people and schedules put in, and so what cannot be made again from the log. Numbers are never used twice.
CREATE TABLE alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    once TEXT NOT NULL UNIQUE, -- what it is about: of that there is never a second alert
    type TEXT NOT NULL,
    team TEXT NOT NULL, app_id TEXT NOT NULL,
    hour INTEGER, hourly_nanos INTEGER, avg_nanos INTEGER, -- of an anomaly
    message TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    dismissed_at INTEGER
) STRICT;

CREATE TABLE alert_budgets (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    team TEXT NOT NULL, app_id TEXT NOT NULL, -- "": any
    daily_nanos INTEGER, monthly_nanos INTEGER,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE report_schedules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    built_in TEXT UNIQUE, -- the name of one that ModelTrack comes with
    name TEXT NOT NULL, period TEXT NOT NULL, frequency TEXT NOT NULL,
    day_of_week INTEGER, day_of_month INTEGER, hour INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_sent_at INTEGER,
    next_at INTEGER NOT NULL
) STRICT;

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    once TEXT NOT NULL UNIQUE,
    alert_id INTEGER UNIQUE, schedule_id INTEGER,
    payload TEXT,           -- JSON; null once it was sent
    created_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL,
    sent_at INTEGER,
    failed_at INTEGER, error TEXT -- refused for good, and why
) STRICT;
CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_at IS NULL AND failed_at IS NULL;
"""

MIGRATIONS: tuple[str, ...] = (_SCHEMA, _ALERTS)
"""Applied in their order, each once: `PRAGMA user_version` says how many have been. A released one stays as it is."""

HOUR = 3_600_000_000
DAY = 24 * HOUR


def _add_sums(
    table: str, length: int, source: str = "facts", keys: Sequence[str] = (), measures: Mapping[str, str] = MEASURES
) -> str:
    groups = ", ".join([*keys, "series"])
    sums = ", ".join(f"sum({name})" for name in measures)
    more = ", ".join(f"{name} = {name} + excluded.{name}" for name in measures)
    return (
        f"INSERT INTO {table} (start, {groups}, {', '.join(measures)})"
        f" SELECT start / {length} * {length} AS bucket, {groups}, {sums} FROM {source} WHERE id > ?"
        f" GROUP BY bucket, {groups} ON CONFLICT DO UPDATE SET {more}"
    )


ROLL_UPS = (
    _add_sums("hourly", HOUR),
    _add_sums("daily", DAY),
    _add_sums("prompts_daily", DAY, "prompt_facts", ("prompt_id",), PROMPT_MEASURES),
    _add_sums("gpus_daily", DAY, "gpu_facts", ("resource_id", "gpu_type"), GPU_MEASURES),
    """INSERT INTO sessions
        SELECT session_id, min(ts), max(ts), count(*), sum(coalesce(cost_nanos, 0))
        FROM events e NOT INDEXED WHERE id > ? AND session_id != '' AND extra IS NULL GROUP BY session_id
        ON CONFLICT DO UPDATE SET
            first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen),
            requests = requests + excluded.requests, cost_nanos = cost_nanos + excluded.cost_nanos""",
    """INSERT OR IGNORE INTO session_series
        SELECT DISTINCT session_id, series FROM events NOT INDEXED
        WHERE id > ? AND session_id != '' AND extra IS NULL""",
)
"""Add the events with a number above the parameter to the sums.

NOT INDEXED, or else the index of sessions is read from end to end for the few events that are new.
"""

_BUSY_SECONDS = 30
_WRITER_CACHE_KIB, _READER_CACHE_KIB = 64 * 1024, 8 * 1024
"""A reader's is of no use beyond one answer where events come in: each commit empties it."""
_KEPT_READERS = 8


class NewerDatabase(ValueError):
    """The database was made by a later version of ModelTrack."""


class Store:
    """One writer at a time, any number of readers; each reader sees the database as it is when it begins."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._readers: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue(_KEPT_READERS)

    def open(self) -> None:
        """Make the database, or bring it up to date. Raises OSError, sqlite3.Error, NewerDatabase."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.writer = self._connect(_WRITER_CACHE_KIB)
        try:
            self._migrate()
        except BaseException:
            self.writer.close()
            raise

    def _migrate(self) -> None:
        self.writer.execute("PRAGMA journal_mode = WAL")
        with self.writing() as db:
            [version] = db.execute("PRAGMA user_version").fetchone()
            if version > len(MIGRATIONS):
                raise NewerDatabase(f"{self.path} was made by a later version of ModelTrack (schema {version})")
            for number, migration in enumerate(MIGRATIONS[version:], version + 1):
                for statement in _statements(migration):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {number}")

    def _connect(self, cache_kib: int) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA synchronous = NORMAL")  # a power cut may undo the last commits; the log has their events
            db.execute(f"PRAGMA cache_size = -{cache_kib}")
        except BaseException:
            db.close()
            raise
        return db

    @contextmanager
    def writing(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """A transaction of the one writing connection: for one thread at a time (see `Ingest.lock`).

        `durable`: it outlasts a power cut, for what the log does not have.
        """
        db = self.writer
        db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:  # a full disk ends it by itself, and a COMMIT that fails may not
                db.execute("ROLLBACK")
            raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state of the database throughout. Rows are sqlite3.Row."""
        try:
            db = self._readers.get_nowait()
        except queue.Empty:
            db = self._connect(_READER_CACHE_KIB)
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA query_only = ON")
        db.execute("BEGIN")
        try:
            yield db
        finally:
            db.execute("ROLLBACK")
            try:
                self._readers.put_nowait(db)
            except queue.Full:
                db.close()

    def close(self) -> None:
        while not self._readers.empty():
            self._readers.get_nowait().close()
        self.writer.close()


def _statements(script: str) -> Iterator[str]:
    """`executescript` would commit the transaction that it is run in."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
