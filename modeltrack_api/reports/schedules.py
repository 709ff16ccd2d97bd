"""Answer the routes for report schedules, which send a report to Slack again and again."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from addons.ledger.budgets import Name
from modeltrack_api.reports.due import add_schedule as insert
from modeltrack_api.reports.rhythm import Rhythm
from modeltrack_api.store.sums import Row
from modeltrack_api.utc import time
from modeltrack_api.web.handler import ApiError, Ask, Reply
from modeltrack_api.web.params import checked

_MOST = 100
_SHOWN = "SELECT * FROM report_schedules WHERE built_in IS NULL"


def _whole(first: int, last: int) -> Any:
    return Field(strict=True, ge=first, le=last)


class NewSchedule(BaseModel):
    """A schedule to add. Hours and days are UTC. A day that the frequency does not need is ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    name: Annotated[Name, Field(min_length=1)]
    period: Literal["daily", "weekly", "monthly", "quarterly"]
    """The time that the report covers, in whole days. It ends before the day on which the report is due."""
    frequency: Literal["daily", "weekly", "monthly"]
    day_of_week: Annotated[int, _whole(0, 6)] | None = None
    """0 is Sunday, as in cron. None means Monday."""
    day_of_month: Annotated[int, _whole(1, 31)] | None = None
    """In a shorter month the last day is taken. None means the first."""
    hour: Annotated[int, _whole(0, 23)] = 9
    delivery: Literal["slack"] = "slack"
    enabled: Annotated[bool, Field(strict=True)] = True

    @property
    def rhythm(self) -> Rhythm:
        day_of_week = (1 if self.day_of_week is None else self.day_of_week) if self.frequency == "weekly" else None
        return Rhythm(
            self.frequency, self.hour, day_of_week, (self.day_of_month or 1) if self.frequency == "monthly" else None
        )


def schedules(ask: Ask) -> list[dict[str, Any]]:
    return [_schedule(row) for row in ask.db.execute(f"{_SHOWN} ORDER BY id")]


def _schedule(row: Row) -> dict[str, Any]:
    same = ("id", "name", "period", "frequency", "day_of_week", "day_of_month", "hour")
    return {name: row[name] for name in same} | {
        "delivery": "slack",
        "enabled": bool(row["enabled"]),
        "created_at": time(row["created_at"]),
        "last_sent_at": time(row["last_sent_at"]),
        "next_at": time(row["next_at"]) if row["enabled"] else None,
    }


def add_schedule(ask: Ask) -> Reply:
    new = checked(NewSchedule, ask.body)
    with ask.app.writing() as db:
        if db.execute("SELECT count(*) FROM report_schedules").fetchone()[0] >= _MOST:
            raise ApiError(400, f"there are {_MOST} schedules already; delete one first")
        number = insert(db, new.name, new.period, new.rhythm, ask.now, enabled=new.enabled)
    with ask.app.store.reading() as db:
        return Reply(_schedule(db.execute(f"{_SHOWN} AND id = ?", (number,)).fetchone()), 201)


def delete_schedule(ask: Ask) -> dict[str, Any]:
    number = ask.args["id"]
    with ask.app.writing() as db:
        if not db.execute("DELETE FROM report_schedules WHERE id = ? AND built_in IS NULL", (number,)).rowcount:
            raise ApiError(404, f"there is no schedule {number}")
    return {"deleted": True, "id": number}
