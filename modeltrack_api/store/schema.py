"""The API's database: cost events out of the log, and sums of them by hour and by day, in SQLite.

Everything here can be made again from the log, but for what people and schedules put in (alerts, their budgets, report
schedules, unsent messages). Money is in nano-USD, times in microseconds since 1970 (UTC).

What an event is filed under (team, model, …) stands once in `series`, as labels do in a time-series database; events
and sums refer to it by number. So the sums stay small, and grouping by one label touches a few hundred rows of text.
"""

from collections.abc import Mapping, Sequence

from modeltrack_api.store.measures import (
    COUNTS,
    FLAGS,
    GPU_MEASURES,
    LABELS,
    MEASURES,
    OPTIONAL,
    PERCENT,
    PROMPT_ID,
    PROMPT_MEASURES,
    TEXTS,
)
from modeltrack_api.utc import DAY, HOUR


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
    SELECT e.id, e.ts AS start, {PROMPT_ID} AS prompt_id, e.series, {_facts(PROMPT_MEASURES)}
    FROM events e WHERE extra IS NULL AND {PROMPT_ID} != '';
-- By prompt first: that is how they are grouped, and the order of the table then spares the sorting.
CREATE TABLE prompts_daily (
    start INTEGER, prompt_id TEXT, series INTEGER, {_columns(PROMPT_MEASURES)}, PRIMARY KEY (prompt_id, series, start)
) STRICT, WITHOUT ROWID;

CREATE VIEW gpu_facts AS
    SELECT e.id, e.ts AS start, coalesce(e.extra ->> 'resource_id', '') AS resource_id,
           coalesce(e.extra ->> 'gpu_type', '') AS gpu_type, e.series, {_facts(GPU_MEASURES)}
    FROM events e WHERE extra IS NOT NULL AND (coalesce(e.extra ->> 'gpu_type', '') != '' OR {PERCENT} IS NOT NULL);
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
