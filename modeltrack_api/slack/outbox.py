"""Keep the messages for Slack in the database, so that each arrives however long Slack or this process is down.

Messages are sent in order: while Slack does not take the first, the others wait. Each attempt is written to the
database before it is made. So a message arrives once, with one exception: if Slack's answer was lost (a time-out, or a
kill before the answer was written down), the message is sent again. Twice is better than not at all, and Slack's
webhooks have no key by which they could recognise the second message.
"""

import json
import logging
import sqlite3
from collections.abc import Callable
from typing import Any

from modeltrack_api.app import App
from modeltrack_api.slack.messages import Outcome, dumps, post
from modeltrack_api.utc import micros

logger = logging.getLogger(__name__)

SECOND = 1_000_000
_FIRST_WAIT, _LONGEST_WAIT = 5.0, 600.0
_BETWEEN = 1.0
"""Seconds between two messages: https://docs.slack.dev/apis/web-api/rate-limits"""
_LEASE = 60.0
"""Seconds that an attempt may take. If it was cut short by a kill, the next one is made after this time."""
_LATEST = 3600.0
_IDLE = 60.0

_NEXT = (
    "SELECT id, payload, attempts, next_at FROM outbox WHERE sent_at IS NULL AND failed_at IS NULL ORDER BY id LIMIT 1"
)
_CLAIM = "UPDATE outbox SET attempts = attempts + 1, next_at = ? WHERE id = ? AND attempts = ? AND sent_at IS NULL"
_SENT = "UPDATE outbox SET sent_at = ?, payload = NULL, error = NULL WHERE id = ?"
_REPORTED = "UPDATE report_schedules SET last_sent_at = ? WHERE id = (SELECT schedule_id FROM outbox WHERE id = ?)"
_FAILED = "UPDATE outbox SET failed_at = ?, error = ? WHERE id = ?"
_AGAIN = "UPDATE outbox SET next_at = ?, error = ? WHERE id = ?"


def once(*parts: str | int) -> str:
    """Return the key of a message or an alert. The database takes only one with the same key."""
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


def put(
    db: sqlite3.Connection,
    once: str,
    payload: dict[str, Any],
    now: int,
    *,
    alert_id: int | None = None,
    schedule_id: int | None = None,
) -> None:
    """Add a message in the caller's transaction, unless there is one with the same `once`. `now` is in microseconds."""
    db.execute(
        "INSERT OR IGNORE INTO outbox (once, alert_id, schedule_id, payload, created_at, next_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (once, alert_id, schedule_id, dumps(payload), now, now),
    )


class Outbox:
    """Sends the messages, one at a time. Only one thread may use it."""

    def __init__(self, app: App, send: Callable[[str, str], Outcome] = post) -> None:
        self._app = app
        self._send = send

    def send_next(self) -> float:
        """Try to send the first message if it is due. Return the seconds until the next call. Raises sqlite3.Error."""
        url = self._app.settings.slack_webhook_url
        if not url:
            return _IDLE
        now = self._now()
        with self._app.store.reading() as db:
            row = db.execute(_NEXT).fetchone()
        if row is None:
            return _IDLE
        wait: float = (row["next_at"] - now) / SECOND
        if 0 < wait <= _LATEST:  # a longer wait means that the clock was set back
            return wait
        with self._app.writing(patience=-1) as db:
            lease = now + int(_LEASE * SECOND)
            if not db.execute(_CLAIM, (lease, row["id"], row["attempts"])).rowcount:
                return _BETWEEN  # another process was faster
        return self._note(row["id"], row["attempts"], self._send(url, row["payload"]))

    def _note(self, number: int, attempts: int, outcome: Outcome) -> float:
        now = self._now()
        wait = _BETWEEN
        with self._app.writing(patience=-1) as db:
            if outcome.kind == "sent":
                db.execute(_SENT, (now, number))
                db.execute(_REPORTED, (now, number))
            elif outcome.kind == "refused":
                logger.error(
                    "Slack refused a message, which is not sent again: %s; check SLACK_WEBHOOK_URL", outcome.reason
                )
                db.execute(_FAILED, (now, outcome.reason, number))
            else:
                wait = min(_FIRST_WAIT * 2 ** min(attempts, 20), _LONGEST_WAIT)
                if outcome.retry_after is not None:
                    wait = max(_BETWEEN, outcome.retry_after)
                logger.warning("Slack did not take a message: %s; trying again in %g s", outcome.reason, wait)
                db.execute(_AGAIN, (now + int(wait * SECOND), outcome.reason, number))
        return wait

    def _now(self) -> int:
        return micros(self._app.now())
