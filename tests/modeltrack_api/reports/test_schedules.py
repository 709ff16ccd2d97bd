"""Test the routes for schedules of reports."""

from typing import Any

import orjson
import pytest

from tests.modeltrack_api.conftest import Start
from tests.modeltrack_api.reports.reported import DAILY


def test_schedules_are_kept_with_their_defaults(start: Start) -> None:
    api = start()
    made = api.data("POST", "/api/reports/schedules", {"name": "W", "period": "weekly", "frequency": "weekly"}, 201)
    assert made == {
        "id": 1,
        "name": "W",
        "period": "weekly",
        "frequency": "weekly",
        "day_of_week": 1,
        "day_of_month": None,
        "hour": 9,
        "delivery": "slack",
        "enabled": True,
        "created_at": "2026-03-10T12:00:00.000000Z",
        "last_sent_at": None,
        "next_at": "2026-03-16T09:00:00.000000Z",
    }
    other = {"name": "M", "period": "quarterly", "frequency": "monthly", "day_of_week": 3}
    assert api.data("POST", "/api/reports/schedules", other, 201)["day_of_month"] == 1
    shown = start().get("/api/reports/schedules")
    assert [schedule["name"] for schedule in shown] == ["W", "M"]
    assert (shown[0], shown[1]["day_of_week"]) == (made, None)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": ""}, "name: must have at least 1 character"),
        ({"name": "a\nb"}, "name: "),
        ({"name": None}, "name: must be a valid string"),
        ({"period": "yearly"}, "period: must be 'daily', 'weekly', 'monthly' or 'quarterly', not 'yearly'"),
        ({"frequency": "hourly"}, "frequency: must be 'daily', 'weekly' or 'monthly', not 'hourly'"),
        ({"day_of_week": 7}, "day_of_week: must be less than or equal to 6"),
        ({"day_of_week": "1"}, "day_of_week: must be a valid integer"),
        ({"day_of_month": 0}, "day_of_month: must be greater than or equal to 1"),
        ({"day_of_month": 32}, "day_of_month: must be less than or equal to 31"),
        ({"hour": 24}, "hour: must be less than or equal to 23"),
        ({"hour": 9.5}, "hour: must be a valid integer"),
        ({"hour": None}, "hour: must be a valid integer"),
        ({"delivery": "email"}, "delivery: must be 'slack', not 'email'"),
        ({"enabled": 1}, "enabled: must be a valid boolean"),
        ({"id": 5}, "id: unknown key"),
    ],
    ids=range(15),
)
def test_a_wrong_schedule_is_told_what_is_wrong(start: Start, change: dict[str, Any], says: str) -> None:
    answer = start().ask("POST", "/api/reports/schedules", DAILY | change)
    error = orjson.loads(answer.body)["error"]
    assert (answer.status, error[: len(says)]) == (400, says), error


def test_a_schedule_needs_name_period_and_frequency(start: Start) -> None:
    api = start()
    for name in ("name", "period", "frequency"):
        body = {key: value for key, value in DAILY.items() if key != name}
        answer = api.ask("POST", "/api/reports/schedules", body)
        assert (answer.status, orjson.loads(answer.body)["error"]) == (400, f"{name}: is required")


def test_there_are_a_hundred_schedules_at_most(start: Start) -> None:
    api = start()
    for _ in range(100):
        api.data("POST", "/api/reports/schedules", DAILY, 201)
    assert api.ask("POST", "/api/reports/schedules", DAILY).status == 400
    assert api.ask("DELETE", "/api/reports/schedules/1000").status == 404
