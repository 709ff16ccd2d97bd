"""Test that reports that are due are sent once, and what they say."""

import re

from tests.modeltrack_api.alerting.started import Clock, FakeSlack
from tests.modeltrack_api.conftest import Start
from tests.modeltrack_api.reports.reported import DAILY


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
    assert models["text"]["text"] == "*Models*\n• m1: $30.00 (75%)\n• m2: $10.00 (25%)\n• m3: no known price"
    assert advice["text"]["text"].splitlines() == [
        "*Advice*",
        "• The model m1 takes $30.00, 75% of the spend: savings there count most.",
        "• 1 call was of models without a known price, so not in any sum here: add them to data/pricing.json.",
        "• 1 call was refused, by budgets or rules: see whether their limits are still right.",
    ]


def test_a_report_says_that_nothing_is_known_rather_than_0(start: Start, slack: FakeSlack, clock: Clock) -> None:
    api = start(webhook=slack.url)
    api.spend(None, at="2026-03-09T10:00:00", team="a", model="mine")
    api.spend(0, at="2026-03-09T10:00:00", team="a", model="mine", cache_hit=True)
    api.data("POST", "/api/reports/schedules", DAILY | {"hour": 13}, 201)
    clock.set("2026-03-10T13:00:00")
    api.look()
    api.send()
    report = next(message for message in slack.arrived if message["text"].startswith("Daily report"))
    assert report["text"].endswith("no known price for 2 requests on 2026-03-09")
    texts = [field["text"] for field in report["blocks"][2]["fields"]]
    assert texts[0] == "*Spend*\nno known price"
    assert texts[3] == "*Saved by cache and routing*\nno known price"
    assert "a: no known price" in report["blocks"][3]["text"]["text"]
    assert "$0.00" not in texts[0] + texts[3]


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
