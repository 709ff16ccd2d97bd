"""When reports are due, what they say, and the calls that keep them."""

import re
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeltrack_api.reports.rhythm import PERIODS, Rhythm, covered, due_after, dues
from modeltrack_api.utc import moment
from tests.modeltrack_api.alerting.started import Clock, FakeSlack
from tests.modeltrack_api.conftest import Start

DAILY = {"name": "Finance", "period": "daily", "frequency": "daily", "hour": 6}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# Dates


@pytest.mark.parametrize(
    ("rhythm", "after", "due"),
    [
        (Rhythm("daily", 9), "2026-03-10T08:59", "2026-03-10T09:00"),
        (Rhythm("daily", 9), "2026-03-10T09:00", "2026-03-11T09:00"),
        (Rhythm("daily", 0), "2026-12-31T23:59", "2027-01-01T00:00"),
        (Rhythm("weekly", 9, day_of_week=0), "2026-03-10T12:00", "2026-03-15T09:00"),  # a Sunday
        (Rhythm("weekly", 9, day_of_week=2), "2026-03-10T08:00", "2026-03-10T09:00"),  # a Tuesday
        (Rhythm("weekly", 9, day_of_week=2), "2026-03-10T09:00", "2026-03-17T09:00"),
        (Rhythm("monthly", 9, day_of_month=1), "2026-03-10T12:00", "2026-04-01T09:00"),
        (Rhythm("monthly", 9, day_of_month=31), "2026-01-31T09:00", "2026-02-28T09:00"),
        (Rhythm("monthly", 9, day_of_month=30), "2028-02-01T00:00", "2028-02-29T09:00"),
        (Rhythm("monthly", 9, day_of_month=31), "2026-04-30T09:00", "2026-05-31T09:00"),
        # Where clocks in Europe and America go forward and back: UTC's do not.
        (Rhythm("daily", 1), "2026-03-29T00:30", "2026-03-29T01:00"),
        (Rhythm("daily", 2), "2026-03-08T01:30", "2026-03-08T02:00"),
        (Rhythm("daily", 1), "2026-10-25T01:00", "2026-10-26T01:00"),
    ],
)
def test_when_a_report_is_due(rhythm: Rhythm, after: str, due: str) -> None:
    assert due_after(rhythm, at(after)) == at(due)


rhythms = st.builds(
    Rhythm,
    st.sampled_from(["daily", "weekly", "monthly"]),
    st.integers(0, 23),
    st.integers(0, 6),
    st.integers(1, 31),
)


@given(rhythms, st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)))
def test_a_year_has_365_days_52_weeks_and_12_months_of_reports(rhythm: Rhythm, naive: datetime) -> None:
    start = naive.replace(tzinfo=UTC)
    found = [due for due in dues(rhythm, due_after(rhythm, start), start.replace(year=start.year + 1, day=1))]
    least, most = {"daily": (334, 366), "weekly": (47, 53), "monthly": (11, 13)}[rhythm.frequency]
    assert least <= len(found) <= most
    assert found == sorted(set(found)) and found[0] > start
    assert {due.hour for due in found} == {rhythm.hour}


@pytest.mark.parametrize(
    ("period", "due", "start", "end", "before"),
    [
        ("daily", "2026-03-10T08:00", "2026-03-09", "2026-03-10", "2026-03-08"),
        ("weekly", "2026-03-09T08:00", "2026-03-02", "2026-03-09", "2026-02-23"),
        ("monthly", "2026-03-01T08:00", "2026-02-01", "2026-03-01", "2026-01-01"),
        ("monthly", "2026-03-31T08:00", "2026-02-28", "2026-03-31", "2026-01-31"),
        ("quarterly", "2026-01-01T00:00", "2025-10-01", "2026-01-01", "2025-07-01"),
    ],
)
def test_what_a_report_covers(period: str, due: str, start: str, end: str, before: str) -> None:
    window, previous = covered(period, at(due))
    days = [f"{moment(value):%Y-%m-%d}" for value in (*window, *previous)]
    assert days == [start, end, before, start]


@given(st.sampled_from(PERIODS), st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)))
def test_a_report_covers_whole_days_that_are_over(period: str, naive: datetime) -> None:
    window, previous = covered(period, naive.replace(tzinfo=UTC))
    assert previous.start < previous.end == window.start < window.end
    assert moment(window.end) <= naive.replace(tzinfo=UTC)
    assert not any(moment(value).hour or moment(value).minute for value in (*window, *previous))


# Firing


def test_a_report_is_sent_at_its_hour_and_once(start: Start, slack: FakeSlack, clock: Clock) -> None:
    api = start(webhook=slack.url)
    made = api.data("POST", "/api/reports/schedules", DAILY | {"hour": 14}, 201)
    assert (made["next_at"], made["last_sent_at"]) == ("2026-03-10T14:00:00.000000Z", None)
    clock.set("2026-03-10T13:59:59")
    api.look()
    api.send()
    assert slack.arrived == []
    clock.set("2026-03-10T14:00:05")
    for _ in range(2):
        api.look()
        api.send()
        api = start(webhook=slack.url)
    assert [text[:22] for text in slack.texts] == ["Daily report: Finance:"]
    [schedule] = api.get("/api/reports/schedules")
    assert schedule["last_sent_at"] == "2026-03-10T14:00:05.000000Z"
    assert schedule["next_at"] == "2026-03-11T14:00:00.000000Z"


def test_what_was_missed_is_sent_late_once_and_says_so(start: Start, slack: FakeSlack, clock: Clock) -> None:
    start(webhook=slack.url).data("POST", "/api/reports/schedules", DAILY, 201)
    clock.set("2026-03-13T07:30:00")
    api = start(webhook=slack.url)
    api.spend(3, at="2026-03-12T10:00:00")
    for _ in range(2):
        api.look()
        api.send()
    [message] = slack.arrived
    assert message["text"] == "Daily report: Finance: $3.00 for 1 request on 2026-03-12"
    assert message["blocks"][-1]["elements"][0]["text"] == (
        "Late: it was due 2026-03-13 06:00 UTC, when ModelTrack was not running;"
        " 2 earlier ones that fell due meanwhile are left out."
    )
    clock.set("2026-03-14T06:00:10")
    api.look()
    api.send()
    assert slack.texts[-1].startswith("Daily report: Finance") and "Late" not in str(slack.arrived[-1])


def test_the_31st_is_the_last_day_of_a_short_month(start: Start, slack: FakeSlack, clock: Clock) -> None:
    body = {"name": "M", "period": "monthly", "frequency": "monthly", "day_of_month": 31, "hour": 0}
    made = start(webhook=slack.url).data("POST", "/api/reports/schedules", body, 201)
    found = [made["next_at"][:10]]
    for month in ("03-31", "04-30", "05-31"):
        clock.set(f"2026-{month}T00:00:01")
        api = start(webhook=slack.url)
        api.look()
        found += [schedule["next_at"][:10] for schedule in api.get("/api/reports/schedules")]
    assert found == ["2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30"]


def test_without_a_webhook_nothing_is_made_and_nothing_comes_later(
    start: Start, slack: FakeSlack, clock: Clock
) -> None:
    api = start()
    api.data("POST", "/api/reports/schedules", DAILY, 201)
    for _ in range(3):
        clock.forward(days=1)
        api.look()
    api = start(webhook=slack.url)
    api.look()
    api.send()
    assert slack.arrived == []


def test_a_schedule_that_is_switched_off_or_deleted_is_silent(start: Start, slack: FakeSlack, clock: Clock) -> None:
    api = start(webhook=slack.url)
    off = api.data("POST", "/api/reports/schedules", DAILY | {"enabled": False, "hour": 14}, 201)
    gone = api.data("POST", "/api/reports/schedules", DAILY | {"hour": 14}, 201)
    assert (off["enabled"], off["next_at"]) == (False, None)
    assert api.data("DELETE", f"/api/reports/schedules/{gone['id']}") == {"deleted": True, "id": gone["id"]}
    clock.forward(hours=3)
    api.look()
    api.send()
    assert slack.arrived == []


def test_a_daily_summary_and_a_weekly_report_come_by_themselves(start: Start, slack: FakeSlack, clock: Clock) -> None:
    api = start(webhook=slack.url)
    api.look()
    for day in range(11, 18):
        clock.set(f"2026-03-{day}T08:00:01")
        api.look()
        api.send()
    titles = [text.split(":")[0] for text in slack.texts]
    assert titles == ["Daily summary"] * 6 + ["Weekly report", "Daily summary"]
    assert api.get("/api/reports/schedules") == []
    assert api.ask("DELETE", "/api/reports/schedules/1").status == 404


# What a report says


def test_a_report_has_the_figures_of_its_period(start: Start, slack: FakeSlack, clock: Clock) -> None:
    api = start(webhook=slack.url)
    for usd, day, fields in [
        (30, "09", {"team": "a", "model": "m1"}),
        (10, "09", {"team": "b<x>", "model": "m2"}),
        (0, "09", {"team": "a", "model": "m1", "cache_hit": True, "saved_usd": 2.5}),
        (0, "09", {"team": "a", "model": "m1", "blocked_by": "budget", "status_code": 429}),
        (None, "09", {"team": "a", "model": "m3"}),
        (50, "08", {"team": "a", "model": "m1"}),
        (7, "10", {"team": "a", "model": "m1"}),
    ]:
        api.spend(usd, at=f"2026-03-{day}T10:00:00", **fields)
    api.data("POST", "/api/reports/schedules", DAILY | {"name": "R&D", "hour": 13}, 201)
    clock.set("2026-03-10T13:00:00")
    api.look()
    api.send()
    report = next(message for message in slack.arrived if message["text"].startswith("Daily report"))
    assert report["text"] == "Daily report: R&amp;D: $40.00 for 5 requests on 2026-03-09"
    header, text, fields_, teams, models, advice = report["blocks"]
    assert header == {"type": "header", "text": {"type": "plain_text", "text": "Daily report", "emoji": False}}
    assert text["text"]["text"] == "R&amp;D: $40.00 for 5 requests on 2026-03-09"
    assert [field["text"] for field in fields_["fields"]] == [
        "*Spend*\n$40.00",
        "*Period before*\n$50.00 (-20%)",
        "*Requests*\n5 (+400%)",
        "*Saved by cache and routing*\n$2.50",
        "*Refused*\n1",
        "*Without a known price*\n1 request",
    ]
    assert teams["text"]["text"] == "*Teams*\n• a: $30.00 (75%)\n• b&lt;x&gt;: $10.00 (25%)"
    assert models["text"]["text"] == "*Models*\n• m1: $30.00 (75%)\n• m2: $10.00 (25%)"
    assert advice["text"]["text"].splitlines() == [
        "*Advice*",
        "• The model m1 takes $30.00, 75% of the spend: savings there count most.",
        "• 1 call was of models without a known price, so not in any sum here: add them to data/pricing.json.",
        "• 1 call was refused, by budgets or rules: see whether their limits are still right.",
    ]


def test_a_reports_advice_begins_with_the_change_that_saves_most(start: Start, slack: FakeSlack, clock: Clock) -> None:
    api = start(webhook=slack.url)
    tokens = {"provider": "openai", "input_tokens": 10**6, "output_tokens": 10**5}
    api.spend(30, at="2026-03-09T10:00:00", model="gpt-4o", **tokens)
    api.data("POST", "/api/reports/schedules", DAILY | {"hour": 13}, 201)
    clock.set("2026-03-10T13:00:00")
    api.look()
    api.send()
    report = next(message for message in slack.arrived if message["text"].startswith("Daily report"))
    advice = next(block["text"]["text"] for block in report["blocks"] if "*Advice*" in str(block))
    assert re.match(r"• Try \S+ in place of gpt-4o \(openai\): .* would have saved about \$", advice.splitlines()[1])


# The calls


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
