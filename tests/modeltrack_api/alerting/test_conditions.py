"""Test what sets off an alert."""

from typing import Any

import pytest

from modeltrack_api.alerting import alerter as alerter_module
from tests.modeltrack_api.alerting.started import Clock
from tests.modeltrack_api.conftest import Start

TEAM = {"team": "product", "app": "", "monthly_limit": 100, "action": "block"}
APP = {"team": "product", "app": "chatbot", "monthly_limit": 50, "action": "warn"}


# Budgets


@pytest.mark.parametrize(
    ("spent", "types"),
    [
        (79.999999999, []),
        (80, ["budget_warning"]),
        (99.999999999, ["budget_warning"]),
        (100, ["budget_exceeded"]),
        (250, ["budget_exceeded"]),
    ],
)
def test_a_budget_alerts_at_80_and_at_100_percent(start: Start, spent: float, types: list[str]) -> None:
    api = start(budgets=[TEAM])
    api.spend(spent)
    api.look()
    assert api.types() == types


def test_each_threshold_alerts_once_in_a_month_across_restarts(start: Start, clock: Clock) -> None:
    for spent in (85, 5, 15, 30):
        api = start(budgets=[TEAM])
        api.spend(spent)
        api.look()
        api.look()
        clock.forward(hours=5)
    assert api.messages() == [
        "Team 'product' is at 85% of its monthly budget ($85.00 of $100.00) in March 2026",
        "Team 'product' has reached 105% of its monthly budget ($105.00 of $100.00) in March 2026;"
        " its calls are refused until 2026-04-01",
    ]
    clock.set("2026-04-01T12:00:00")
    api.spend(90)
    api.look()
    assert api.messages()[2:] == [
        "Team 'product' is at 90% of its monthly budget ($90.00 of $100.00) in April 2026",
    ]


def test_what_was_spent_in_a_months_last_moments_still_alerts_for_it(start: Start, clock: Clock) -> None:
    api = start(budgets=[TEAM])
    api.spend(90, at="2026-03-31T23:59:59.9")
    clock.set("2026-04-01T00:00:05")
    api.look()
    assert api.messages() == ["Team 'product' is at 90% of its monthly budget ($90.00 of $100.00) in March 2026"]


def test_an_apps_budget_counts_that_app_and_a_teams_all_of_its_calls(start: Start) -> None:
    api = start(budgets=[TEAM, APP])
    api.spend(45, app_id="chatbot")
    api.spend(36, app_id="search")
    api.spend(1000, team="other", app_id="chatbot")
    api.spend(1000, event_type="compute")
    api.look()
    assert api.messages() == [
        "Team 'product' is at 81% of its monthly budget ($81.00 of $100.00) in March 2026",
        "Team 'product', app 'chatbot' is at 90% of its monthly budget ($45.00 of $50.00) in March 2026",
    ]


def test_a_changed_limit_is_a_new_one_to_tell_of(start: Start) -> None:
    api = start(budgets=[TEAM])
    api.spend(120)
    api.look()
    raised = start(budgets=[TEAM | {"monthly_limit": 110, "action": "warn"}])
    raised.look()
    raised.look()
    assert raised.messages()[1:] == [
        "Team 'product' has reached 109% of its monthly budget ($120.00 of $110.00) in March 2026"
    ]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (
            {"team": "product", "daily_limit_usd": 10},
            ["Team 'product' is at 90% of its daily budget ($9.00 of $10.00)"],
        ),
        ({"team": "product", "app_id": "a", "daily_limit_usd": 6}, ["Team 'product', app 'a' has reached 100% of its"]),
        ({"app_id": "a", "daily_limit_usd": 7}, ["App 'a' has reached 100% of its daily budget ($7.00 of $7.00)"]),
        ({"daily_limit_usd": 20, "monthly_limit_usd": 30}, ["All teams together is at 83% of its monthly budget"]),
        ({"team": "", "monthly_limit_usd": 25}, ["All teams together has reached 100% of its monthly budget"]),
        ({"team": "nobody", "daily_limit_usd": 0.000000001}, []),
    ],
    ids=range(6),
)
def test_limits_that_only_alert(start: Start, limit: dict[str, Any], expected: list[str]) -> None:
    api = start()
    api.data("POST", "/api/alerts/budgets", limit, 201)
    api.spend(15, at="2026-03-09T12:00:00", team="other")
    for team, app, usd in (("product", "a", 6), ("product", "", 3), ("other", "a", 1)):
        api.spend(usd, team=team, app_id=app)
    for _ in range(2):
        api.look()
    assert [message[: len(text)] for message, text in zip(api.messages(), expected, strict=True)] == expected


def test_a_daily_limit_is_armed_again_the_next_day(start: Start, clock: Clock) -> None:
    api = start()
    api.data("POST", "/api/alerts/budgets", {"team": "product", "daily_limit_usd": 0.5}, 201)
    for _ in range(2):
        api.spend(0.45)
        api.look()
        clock.forward(days=1)
    assert [message[-13:] for message in api.messages()] == ["on 2026-03-10", "on 2026-03-11"]


def test_an_alert_says_how_many_calls_are_not_in_its_amount(start: Start) -> None:
    api = start(budgets=[TEAM])
    hourly(api, 8, 5)
    api.spend(60)
    api.spend(None)
    api.spend(None)
    api.look()
    assert api.messages()[0] == (
        "Team 'product' has reached 100% of its monthly budget ($100.00 of $100.00) in March 2026;"
        " 2 calls are not in it for want of a price; its calls are refused until 2026-04-01"
    )
    [anomaly] = [alert for alert in api.get("/api/alerts") if alert["type"] == "anomaly"]
    assert anomaly["message"].endswith("12.0 times its usual $5.00; 2 calls are not in it for want of a price")
    assert (anomaly["hourly_spend"], anomaly["unpriced_requests"]) == (60, 2)


# Anomalies


def hourly(api: Any, hours: int, usd: float, before: str = "2026-03-10T12", **fields: Any) -> None:
    day, hour = before.split("T")
    for n in range(1, hours + 1):
        api.spend(usd, at=f"{day[:-2]}{int(day[-2:]) - (n > int(hour)):02d}T{(int(hour) - n) % 24:02d}:30:00", **fields)


@pytest.mark.parametrize(
    ("hours", "usual", "spent", "is_one"),
    [
        (6, 2, 4.01, True),
        (6, 2, 4, False),  # not more than twice
        (5, 2, 100, False),  # too little to compare with
        (12, 0.1, 0.99, False),  # cents
        (12, 0.1, 1, True),
    ],
)
def test_an_hour_over_twice_the_mean_of_those_before_is_an_anomaly(
    start: Start, hours: int, usual: float, spent: float, is_one: bool
) -> None:
    api = start()
    hourly(api, hours, usual)
    api.spend(spent)
    api.look()
    assert api.types() == ["anomaly"] * is_one


def test_an_anomaly_is_told_once_for_a_team_and_hour(start: Start, clock: Clock) -> None:
    api = start()
    hourly(api, 10, 1.5)
    for team in ("product", "product", "quiet"):
        api.spend(4, team=team)
        api.look()
    api = start()
    api.look()
    clock.forward(hours=1)
    api.spend(9)
    api.look()
    newer, older = api.get("/api/alerts")
    assert older | {"id": 0} == {
        "id": 0,
        "type": "anomaly",
        "team": "product",
        "app_id": "",
        "hour": "2026-03-10T12:00:00.000000Z",
        "message": "Team 'product' spent $4.00 in the hour from 2026-03-10 12:00 UTC, 2.7 times its usual $1.50",
        "hourly_spend": 4,
        "avg_spend": 1.5,
        "unpriced_requests": 0,
        "dismissed_at": None,
        "created_at": "2026-03-10T12:00:00.000000Z",
        "slack": None,
        "slack_error": None,
    }
    assert (newer["hour"], newer["hourly_spend"]) == ("2026-03-10T13:00:00.000000Z", 9)


def test_an_hour_is_compared_with_seven_days_and_hours_without_spend_do_not_count(start: Start) -> None:
    api = start()
    hourly(api, 6, 10, before="2026-03-03T12")  # a little over a week old: does not count
    hourly(api, 6, 1, before="2026-03-04T12")
    api.spend(3)
    api.look()
    assert [alert["avg_spend"] for alert in api.get("/api/alerts")] == [1]


def test_hours_that_passed_while_nobody_looked_are_looked_at_for_a_day(start: Start, clock: Clock) -> None:
    api = start()
    hourly(api, 8, 1)
    api.spend(5)
    clock.forward(hours=24)
    api.look()
    assert api.types() == ["anomaly"]
    late = start()
    late.spend(7, at="2026-03-10T11:40:00")
    late.look()
    assert late.types() == ["anomaly"]


# Models without a price


def test_a_model_without_a_price_is_told_once_for_good(start: Start, clock: Clock) -> None:
    for _ in range(2):
        api = start()
        api.spend(None, model="my-deployment", provider="azure")
        api.look()
        clock.forward(days=40)
    api.spend(None, model="my-deployment", provider="azure", team="other")
    api.spend(0, model="free")
    api.look()
    [alert] = api.get("/api/alerts")
    assert (alert["type"], alert["team"], alert["hour"], alert["hourly_spend"]) == (
        "unknown_model",
        "product",
        None,
        None,
    )
    assert alert["message"].startswith("Model 'my-deployment' of azure has no known price")


def test_a_model_that_is_refused_for_want_of_a_price_is_told_as_well(start: Start) -> None:
    api = start()
    api.look()
    api.spend(0, model="refused", status_code=403, blocked_by="unknown_model")
    api.spend(0, model="gpt-4o", status_code=429, blocked_by="budget")
    api.spend(None, model="gpt-4o-mini", error="metering_failed")
    api.look()
    assert [message.split("'")[1] for message in api.messages()] == ["refused"]


def test_made_up_model_names_do_not_flood(start: Start, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerter_module, "_MOST_UNPRICED_A_DAY", 3)
    api = start()
    for n in range(10):
        api.spend(None, model=f"m{n}")
    api.look()
    assert len(api.messages()) == 3
    clock.forward(days=1)
    api.spend(None, model="m7")
    api.look()
    assert [message.split("'")[1] for message in api.messages()] == ["m0", "m1", "m2", "m7"]


def test_names_in_a_message_are_short_and_on_one_line(start: Start) -> None:
    api = start()
    api.spend(None, model="m\n2026-03-10 ERROR\x1b[31m" + "x" * 500)
    api.look()
    [message] = api.messages()
    assert message.startswith("Model 'm 2026-03-10 ERROR [31mxxx") and "x…' of openai" in message
    assert len(message) < 400 and message.isprintable()
