"""Make the reports that are due.

Each report goes into the outbox in the same transaction that moves its schedule on. So it is sent only once.
"""

import sqlite3
from datetime import UTC, datetime

from modeltrack_api.app import App
from modeltrack_api.reports.rhythm import Rhythm, covered, due_after, dues
from modeltrack_api.reports.slack_report import late_note, report
from modeltrack_api.slack import outbox
from modeltrack_api.slack.outbox import once
from modeltrack_api.utc import micros, moment
from modeltrack_api.web.handler import Ask

_BUILT_IN = {
    "daily": ("Daily summary", "daily", Rhythm("daily", 8)),
    "weekly": ("Weekly report", "weekly", Rhythm("weekly", 8, day_of_week=1)),
}


def make_reports(app: App) -> None:
    """Make all reports that are due by now. Raises sqlite3.Error."""
    now = app.now()
    _add_built_in(app, now)
    with app.store.reading() as db:
        due = db.execute(
            "SELECT * FROM report_schedules WHERE enabled AND next_at <= ? ORDER BY next_at, id", (micros(now),)
        ).fetchall()
    for row in due:
        _make_report(app, row, now)


def _add_built_in(app: App, now: datetime) -> None:
    with app.store.reading() as db:
        known = {row[0] for row in db.execute("SELECT built_in FROM report_schedules WHERE built_in IS NOT NULL")}
    for key in [key for key in _BUILT_IN if key not in known]:
        with app.writing(patience=-1) as db:
            add_schedule(db, *_BUILT_IN[key], now, built_in=key)


def _make_report(app: App, row: sqlite3.Row, now: datetime) -> None:
    """Make the report of a schedule that is due. Of several reports that were missed, only the last is made."""
    rhythm = Rhythm(row["frequency"], row["hour"], row["day_of_week"], row["day_of_month"])
    *missed, due = dues(rhythm, moment(row["next_at"]), now)
    window, before = covered(row["period"], due)
    note = late_note(now.astimezone(UTC) - due, f"{due:%Y-%m-%d %H:%M}", len(missed))
    is_built_in = row["built_in"] is not None
    title = row["name"] if is_built_in else f"{row['period'].capitalize()} report"
    with app.store.reading() as db:
        ask = Ask(app, db, now, window)
        payload = report(ask, title, "" if is_built_in else row["name"], before, note)
    with app.writing(patience=-1) as db:
        moved = db.execute(
            "UPDATE report_schedules SET next_at = ? WHERE id = ? AND next_at = ?",
            (micros(due_after(rhythm, due)), row["id"], row["next_at"]),
        )
        if moved.rowcount and app.settings.slack_webhook_url:
            key = once("report", row["id"], micros(due))
            outbox.put(db, key, payload, micros(now), schedule_id=row["id"])


def add_schedule(
    db: sqlite3.Connection,
    name: str,
    period: str,
    rhythm: Rhythm,
    now: datetime,
    *,
    built_in: str | None = None,
    enabled: bool = True,
) -> int:
    """Add a schedule, which is first due after `now`, and return its id."""
    next_at = micros(due_after(rhythm, now))
    row = (built_in, name, period, *rhythm, enabled, micros(now), next_at)
    added = db.execute(
        "INSERT OR IGNORE INTO report_schedules (built_in, name, period, frequency, hour, day_of_week, day_of_month,"
        " enabled, created_at, next_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        row,
    )
    return added.lastrowid or 0
