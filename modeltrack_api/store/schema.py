"""The API's database: cost events out of the log, and sums of them by hour and by day, in SQLite.

Everything in it can be made again from the log, but for what people and schedules put in (alerts, their budgets, report
schedules, unsent messages). The tables are described in `migrations/`.
"""

from collections.abc import Sequence
from importlib.resources import files

from modeltrack_api.store.measures import GPU_MEASURES, MEASURES, PROMPT_MEASURES
from modeltrack_api.utc import DAY, HOUR


def _read_migrations() -> tuple[str, ...]:
    folder = files("modeltrack_api.store") / "migrations"
    scripts = {file.name: file.read_text("utf-8") for file in folder.iterdir() if file.name.endswith(".sql")}
    return tuple(scripts[name] for name in sorted(scripts))


MIGRATIONS = _read_migrations()
"""The scripts 001.sql, 002.sql, … in their order. Each is run once: `PRAGMA user_version` says how many have been.

Databases that were made with a script exist, so a released one never changes, and none is made from constants.
"""


def _add_sums(
    table: str, length: int, source: str = "facts", keys: Sequence[str] = (), measures: Sequence[str] = MEASURES
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
    _add_sums("callers_daily", DAY, keys=("caller",)),
    _add_sums("prompts_daily", DAY, "prompt_facts", ("prompt_id",), PROMPT_MEASURES),
    _add_sums("gpus_daily", DAY, "gpu_facts", ("resource_id", "gpu_type"), GPU_MEASURES),
    """INSERT INTO sessions (session_id, first_seen, last_seen, requests, cost_nanos, unpriced, unpriced_usage)
        SELECT session_id, min(ts), max(ts), count(*), sum(coalesce(cost_nanos, 0)), sum(cost_nanos IS NULL),
            sum(unpriced_usage != '' AND cache_hit = 0)
        FROM events e NOT INDEXED WHERE id > ? AND session_id != '' AND extra IS NULL GROUP BY session_id
        ON CONFLICT DO UPDATE SET
            first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen),
            requests = requests + excluded.requests, cost_nanos = cost_nanos + excluded.cost_nanos,
            unpriced = unpriced + excluded.unpriced, unpriced_usage = unpriced_usage + excluded.unpriced_usage""",
    """INSERT OR IGNORE INTO session_series (session_id, series, caller)
        SELECT DISTINCT session_id, series, caller FROM events NOT INDEXED
        WHERE id > ? AND session_id != '' AND extra IS NULL""",
)
"""Add the events with a number above the parameter to the sums.

NOT INDEXED keeps SQLite from reading the index of sessions from end to end for the few events that are new.
"""
