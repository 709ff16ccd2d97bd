"""Answer the routes for alerts, for the limits that only alert, and for the test of Slack."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from addons.ledger.budgets import Name, Usd
from addons.ledger.money import to_nanos
from modeltrack_api.amounts import usd_or_null
from modeltrack_api.slack.messages import dumps, message, post
from modeltrack_api.store.sums import Row
from modeltrack_api.utc import micros, time
from modeltrack_api.web.handler import ApiError, Ask, Reply
from modeltrack_api.web.params import checked

_MOST_SHOWN = 1000
_PATIENCE_SECONDS = 5.0
_MOST_BUDGETS = 1000

Number = Annotated[int, Field(strict=True, ge=1, le=2**53 - 1)]


class Ids(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    ids: list[Number] = Field(max_length=1000)


class NewAlertBudget(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    team: Name | None = None
    """None or "" means every team, including calls without a team. The same holds for app_id."""
    app_id: Name | None = None
    daily_limit_usd: Usd | None = None
    monthly_limit_usd: Usd | None = None

    @model_validator(mode="after")
    def _has_a_limit(self) -> "NewAlertBudget":
        if self.daily_limit_usd is None and self.monthly_limit_usd is None:
            raise ValueError("daily_limit_usd or monthly_limit_usd is required")
        return self


def alerts(ask: Ask) -> list[dict[str, Any]]:
    """Return the newest thousand alerts, newest first.

    `slack` is queued, sent or failed, or null if no message was to be sent. Alerts that are due by now are raised
    first, without waiting for the background thread.
    """
    ask.app.raise_alerts(_PATIENCE_SECONDS)
    shown = "" if ask.args["include_dismissed"] else "WHERE a.dismissed_at IS NULL"
    rows = ask.db.execute(
        "SELECT a.*, o.id AS message_id, o.sent_at, o.failed_at, o.error"
        f" FROM alerts a LEFT JOIN outbox o ON o.alert_id = a.id {shown} ORDER BY a.id DESC LIMIT ?",
        (_MOST_SHOWN,),
    )
    return [_alert(row) for row in rows]


def _alert(row: Row) -> dict[str, Any]:
    state = "sent" if row["sent_at"] else "failed" if row["failed_at"] else "queued"
    return {
        "id": row["id"],
        "type": row["type"],
        "team": row["team"],
        "app_id": row["app_id"],
        "hour": time(row["hour"]),
        "message": row["message"],
        "hourly_spend": usd_or_null(row["hourly_nanos"]),
        "avg_spend": usd_or_null(row["avg_nanos"]),
        "unpriced_requests": row["unpriced"],
        "dismissed_at": time(row["dismissed_at"]),
        "created_at": time(row["created_at"]),
        "slack": state if row["message_id"] else None,
        "slack_error": row["error"],
    }


def dismiss(ask: Ask) -> dict[str, Any]:
    """Dismiss one alert. It is no error if it is dismissed already."""
    number = ask.args["id"]
    if not _dismiss(ask, [number]) and not ask.db.execute("SELECT 1 FROM alerts WHERE id = ?", (number,)).fetchone():
        raise ApiError(404, f"there is no alert {number}")
    return {"dismissed": True, "id": number}


def dismiss_bulk(ask: Ask) -> dict[str, int]:
    """Dismiss several alerts, and return how many of them were not dismissed before. Unknown ids are ignored."""
    return {"dismissed": _dismiss(ask, checked(Ids, ask.body).ids)}


def _dismiss(ask: Ask, ids: list[int]) -> int:
    wanted = "id IN (SELECT value FROM json_each(?)) AND dismissed_at IS NULL"
    with ask.app.writing() as db:
        return db.execute(
            f"UPDATE alerts SET dismissed_at = ? WHERE {wanted}", (micros(ask.now), json.dumps(ids))
        ).rowcount


def restore_all(ask: Ask) -> dict[str, int]:
    with ask.app.writing() as db:
        done = db.execute("UPDATE alerts SET dismissed_at = NULL WHERE dismissed_at IS NOT NULL")
        return {"restored": done.rowcount}


def alert_budgets(ask: Ask) -> list[dict[str, Any]]:
    return [_budget(row) for row in ask.db.execute("SELECT * FROM alert_budgets ORDER BY id")]


def _budget(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "team": row["team"],
        "app_id": row["app_id"],
        "daily_limit_usd": usd_or_null(row["daily_nanos"]),
        "monthly_limit_usd": usd_or_null(row["monthly_nanos"]),
        "created_at": time(row["created_at"]),
    }


def add_alert_budget(ask: Ask) -> Reply:
    new = checked(NewAlertBudget, ask.body)
    row = {
        "team": new.team or "",
        "app_id": new.app_id or "",
        "daily_nanos": None if new.daily_limit_usd is None else to_nanos(new.daily_limit_usd),
        "monthly_nanos": None if new.monthly_limit_usd is None else to_nanos(new.monthly_limit_usd),
        "created_at": micros(ask.now),
    }
    with ask.app.writing() as db:
        if db.execute("SELECT count(*) FROM alert_budgets").fetchone()[0] >= _MOST_BUDGETS:
            raise ApiError(400, f"there are {_MOST_BUDGETS} alert budgets already; delete one first")
        added = db.execute(
            f"INSERT INTO alert_budgets ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values())
        )
    return Reply(_budget_of(ask, added.lastrowid), 201)


def _budget_of(ask: Ask, number: int | None) -> dict[str, Any]:
    with ask.app.store.reading() as db:
        return _budget(db.execute("SELECT * FROM alert_budgets WHERE id = ?", (number,)).fetchone())


def delete_alert_budget(ask: Ask) -> dict[str, Any]:
    """Delete a limit. The alerts that it has raised stay."""
    number = ask.args["id"]
    with ask.app.writing() as db:
        if not db.execute("DELETE FROM alert_budgets WHERE id = ?", (number,)).rowcount:
            raise ApiError(404, f"there is no alert budget {number}")
    return {"deleted": True, "id": number}


def test_slack(ask: Ask) -> dict[str, str]:
    """Send a test message and return Slack's answer, within ten seconds.

    It does not go through the outbox, so that the answer is known at once.
    """
    url = ask.app.settings.slack_webhook_url
    if not url:
        raise ApiError(400, "SLACK_WEBHOOK_URL is not set")
    outcome = post(url, dumps(message("Test", "ModelTrack can send its alerts and reports here.")))
    if outcome.kind != "sent":
        raise ApiError(502, f"Slack did not take the message: {outcome.reason}")
    return {"message": "the test message was sent to Slack"}
