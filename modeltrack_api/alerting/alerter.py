"""Run the thread that raises alerts, makes the reports that are due, and sends what is in the outbox."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable

from modeltrack_api.alerting import conditions
from modeltrack_api.alerting.conditions import Alert
from modeltrack_api.app import App
from modeltrack_api.reports.due import make_reports
from modeltrack_api.slack import outbox
from modeltrack_api.slack.messages import message
from modeltrack_api.slack.outbox import once
from modeltrack_api.store.connections import held
from modeltrack_api.utc import DAY, micros, moment

logger = logging.getLogger(__name__)

_EVERY_SECONDS = 30
_AT_EVENTS_SECONDS = 2
"""The shorter pause before the next look when there are new events."""
_LOOK_SECONDS = 1.0
_STOP_SECONDS = 5
_MOST_UNPRICED_A_DAY = 20
"""A limit, since a caller can make up any number of model names. The models beyond it are reported on a later day
on which they are used again.
"""

_TITLES = {
    "budget_warning": "Budget warning",
    "budget_exceeded": "Budget exceeded",
    "anomaly": "Unusual spend",
    "unknown_model": "Model without a price",
}
_INSERT = (
    "INSERT OR IGNORE INTO alerts (once, type, team, app_id, hour, hourly_nanos, avg_nanos, unpriced, message,"
    " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_UNPRICED_SINCE = "SELECT count(*) FROM alerts WHERE type = 'unknown_model' AND created_at >= ?"


class Alerter:
    def __init__(self, app: App) -> None:
        self.outbox = outbox.Outbox(app)
        self._app = app
        self._raising = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modeltrack-alerts", daemon=True)
        self._events_seen: int | None = None
        self._looked = float("-inf")
        self._problems: dict[str, str] = {}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and wait a few seconds for Slack's answer to a message that is being sent."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._try(self._look)
            pause = self._try(self.outbox.send_next)
            self._stopping.wait(_LOOK_SECONDS if pause is None else min(pause, _LOOK_SECONDS))

    def _try[T](self, work: Callable[[], T]) -> T | None:
        """Do the work and return its result, or None if it fails. A failure that repeats is logged only once."""
        name = work.__name__
        try:
            done = work()
        except Exception as error:
            # While stopping, errors are expected: Slack's answer may come after the database was closed.
            if repr(error) != self._problems.get(name) and not self._stopping.is_set():
                logger.exception("alerts and reports cannot be made or sent; trying again")
            self._problems[name] = repr(error)
            return None
        self._problems.pop(name, None)
        return done

    def _look(self) -> None:
        if not self._app.follower.ready.is_set():
            return
        waited = time.monotonic() - self._looked
        if waited >= _EVERY_SECONDS or (waited >= _AT_EVENTS_SECONDS and self._has_news()):
            self._looked = time.monotonic()
            self.evaluate()

    def _has_news(self) -> bool:
        with self._app.store.reading() as db:
            return conditions.newest_event(db) != self._events_seen

    def evaluate(self) -> None:
        """Raise alerts and make the reports that are due, from what is in the database now. Raises sqlite3.Error."""
        self.raise_alerts()
        make_reports(self._app)

    def raise_alerts(self, patience: float = -1) -> None:
        """Raise the alerts that are due by now. May be called from any thread.

        `patience` is `held`'s. Raises sqlite3.Error, Busy.
        """
        with held(self._raising, patience):
            self._raise_alerts(patience)

    def _raise_alerts(self, patience: float) -> None:
        now = self._app.now()
        with self._app.store.reading() as db:
            newest = conditions.newest_event(db)
            found = [
                *conditions.budget_alerts(db, conditions.limits(self._app.budgets.value, db), now),
                *conditions.anomalies(db, now),
                *conditions.unpriced_models(db, self._events_seen),
            ]
            new = [alert for alert in found if not _is_known(db, alert)]
        if new:
            with self._app.writing(patience) as db:
                self._add(db, new, micros(now))
        self._events_seen = newest

    def _add(self, db: sqlite3.Connection, alerts: Iterable[Alert], now: int) -> None:
        today = now - now % DAY
        [unpriced] = db.execute(_UNPRICED_SINCE, (today,)).fetchone()
        for alert in alerts:
            if alert.type == "unknown_model":
                unpriced += 1
                if unpriced > _MOST_UNPRICED_A_DAY:
                    continue
            amounts = (alert.hour, alert.hourly_nanos, alert.avg_nanos, alert.unpriced)
            row = (alert.once, alert.type, alert.team, alert.app_id, *amounts, alert.message, now)
            added = db.execute(_INSERT, row)
            if not added.rowcount:
                continue
            logger.info("alert: %s", alert.message)
            if self._app.settings.slack_webhook_url:
                note = f"ModelTrack, {moment(now):%Y-%m-%d %H:%M} UTC"
                payload = message(_TITLES[alert.type], alert.message, alert.details, note=note)
                outbox.put(db, once("alert", alert.once), payload, now, alert_id=added.lastrowid)


def _is_known(db: sqlite3.Connection, alert: Alert) -> bool:
    return db.execute("SELECT 1 FROM alerts WHERE once = ?", (alert.once,)).fetchone() is not None
