"""GET /api/forecast. The arithmetic of the trend is in test_trend.py."""

import random
import re
import tempfile
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from addons.llm.prices.pricing_file import PricingFile
from modeltrack_api.store.sums import Filters
from tests.modeltrack_api.queries.asking import ALL_PRICED, NOW, USD, Asking, Database, line
from tests.modeltrack_api.queries.log import Log, by_day, cost, spent
from tests.modeltrack_api.queries.made_events import filters, logs

NUMBERS = count(1)
TODAY = date(2026, 4, 3)
SONNET = {"provider": "anthropic", "model": "claude-sonnet-4-6", "input_tokens": 1000, "output_tokens": 200}
"""0.006 USD by the price list (3 and 15 USD a million); 0.002 with claude-haiku-4-5 (1 and 5)."""


def days(amounts: Sequence[float], today: float | None = None, **members: Any) -> list[bytes]:
    """A call on each day up to yesterday, and perhaps one today."""
    end = NOW.replace(hour=0, minute=0) + timedelta(hours=9)
    dated = [(end - timedelta(days=len(amounts) - n), amount) for n, amount in enumerate(amounts)]
    if today is not None:
        dated.append((end, today))
    return [line(day, next(NUMBERS), round(amount * USD), **members) for day, amount in dated]


def levels(answer: dict[str, Any]) -> list[tuple[float, float, float]]:
    return [(float(point["predicted"]), float(point["low"]), float(point["high"])) for point in answer["forecast"]]


class TestWhatComes:
    def test_nothing_without_history(self, database: Database) -> None:
        found = database()("forecast", horizon_days=3)
        assert found["historical"] == []
        assert levels(found) == [(0, 0, 0)] * 3
        assert [point["date"] for point in found["forecast"]] == ["2026-04-04", "2026-04-05", "2026-04-06"]
        summary = found["summary"]
        assert (summary["confidence"], summary["confidence_reason"]) == ("low", "there have been no calls yet")
        assert (
            summary["current_monthly_run_rate"] == summary["projected_next_quarter"] == summary["growth_rate_pct"] == 0
        )
        assert found["scenarios"]["if_switch_to_cheaper_model"]["savings"] == 0

    @pytest.mark.parametrize(
        ("before", "today", "level"),
        [([], 7, 7), ([4], 0.5, 4), ([2, 4], 100, 3), ([1, 2, 3, 4, 5, 6, 7], None, 4)],
        ids=["first day", "one day", "two days", "a week"],
    )
    def test_the_mean_of_few_days(
        self, database: Database, before: list[float], today: float | None, level: int
    ) -> None:
        found = database(*days(before, today))("forecast", horizon_days=365)
        assert {point["predicted"] for point in found["forecast"]} == {level}
        assert len(found["forecast"]) == 365
        summary = found["summary"]
        assert summary["confidence"] == "low"
        assert re.match(rf"{len(before)} whole days? of history: a trend needs 14", summary["confidence_reason"])
        assert summary["projected_next_month"] == summary["current_monthly_run_rate"] == 30 * level
        assert summary["growth_rate_pct"] == 0

    def test_a_steady_spend_goes_on(self, database: Database) -> None:
        found = database(*days([12.5] * 40))("forecast")
        assert levels(found) == [(12.5, 12.5, 12.5)] * 90
        assert found["summary"] == {
            "current_monthly_run_rate": 375,
            "projected_next_month": 375,
            "projected_next_quarter": 1125,
            "growth_rate_pct": 0,
            "confidence": "high",
            "confidence_reason": (
                "by 40 days of history, the next 30 days stay within 0% of the projection in 8 of 10 cases"
            ),
            "interval_pct": 80,
            **ALL_PRICED,
        }
        assert found["scenarios"]["current_trend"] == {"monthly": 375, "quarterly": 1125}
        assert found["scenarios"]["if_traffic_doubles"] == {"monthly": 750, "quarterly": 2250}

    def test_a_line_goes_on(self, database: Database) -> None:
        """Days 0 to 59 cost 100 + day; today is day 60, so that the forecast begins with 161."""
        found = database(*days([100 + day for day in range(60)]))("forecast", horizon_days=30)
        expected = [161 + day for day in range(30)]
        assert [point[0] for point in levels(found)] == pytest.approx(expected)
        summary = found["summary"]
        assert float(summary["projected_next_month"]) == pytest.approx(sum(expected))
        assert float(summary["growth_rate_pct"]) == pytest.approx(30 / 160 * 100, abs=0.01)
        assert summary["current_monthly_run_rate"] == 30 * 156  # the mean of 153 to 159

    def test_weekends_stay_weekends(self, database: Database) -> None:
        """Today is a Friday."""
        start = TODAY - timedelta(days=35)
        amounts = [3 if (start + timedelta(days=n)).weekday() > 4 else 10 for n in range(35)]
        found = database(*days(amounts))("forecast", horizon_days=14)
        assert [round(point[0], 6) for point in levels(found)] == [3, 3, 10, 10, 10, 10, 10] * 2

    def test_today_which_is_not_over_does_not_pull_it_down(self, database: Database) -> None:
        found = database(*days([10] * 30, today=0.01))("forecast")
        assert {point[0] for point in levels(found)} == {10}
        last = {"date": "2026-04-03", "spend": Decimal("0.01"), "is_partial": True, **ALL_PRICED}
        assert found["historical"][-1] == last
        assert not any(point["is_partial"] for point in found["historical"][:-1])

    def test_days_without_calls_count_as_days_without_spend(self, database: Database) -> None:
        found = database(*days([8]), *days([6, 0, 0])[:1])("forecast", horizon_days=1)
        assert [float(point["spend"]) for point in found["historical"]] == [6, 0, 8, 0]
        assert float(found["forecast"][0]["predicted"]) == pytest.approx(14 / 3)

    def test_a_spend_that_ended_is_not_forecast_below_nothing(self, database: Database) -> None:
        found = database(*days([90 - 3 * n for n in range(30)]))("forecast")
        assert min(low for _, low, _ in levels(found)) == 0
        assert found["summary"]["confidence"] == "low"
        assert found["summary"]["growth_rate_pct"] == -100

    def test_what_is_more_than_a_quarter_ago_says_nothing(self, database: Database) -> None:
        found = database(*days([1000] * 50 + [10] * 91))("forecast", horizon_days=1)
        assert levels(found) == [(10, 10, 10)]
        assert len(found["historical"]) == 142

    def test_history_goes_back_a_year(self, database: Database) -> None:
        found = database(*days([1] * 400))("forecast", horizon_days=1)
        assert (len(found["historical"]), found["historical"][0]["date"]) == (366, "2025-04-03")


class TestConfidence:
    @pytest.mark.parametrize(
        ("seen", "noise", "expected"), [(60, 0.1, "high"), (20, 0.1, "medium"), (60, 1.5, "medium"), (20, 4, "low")]
    )
    def test_goes_by_the_range_and_the_history(
        self, database: Database, seen: int, noise: float, expected: str
    ) -> None:
        rng = random.Random(5)
        amounts = [max(0.0, 10 + rng.gauss(0, 10 * noise)) for _ in range(seen)]
        summary = database(*days(amounts))("forecast")["summary"]
        assert summary["confidence"] == expected, summary
        assert summary["confidence_reason"].startswith(f"by {seen} days of history")

    def test_says_what_is_not_in_it(self, database: Database) -> None:
        unpriced = line(NOW - timedelta(days=2), next(NUMBERS), None)
        summary = database(*days([10] * 30), unpriced)("forecast")["summary"]
        assert summary["confidence_reason"].endswith("; 1 calls without a known price are not in it")


class TestUnknownPrices:
    def test_a_day_without_a_known_price_is_no_day_without_spend(self, database: Database) -> None:
        """Four Mondays are not known, so the trend goes by the other days."""
        start = NOW - timedelta(days=35)
        lines = [
            line(start + timedelta(days=n), next(NUMBERS), None if n % 7 == 3 and n < 28 else 10 * USD)
            for n in range(35)
        ]
        found = database(*lines)("forecast", horizon_days=14)
        assert [round(point[0], 6) for point in levels(found)] == [10] * 14
        assert [point["spend"] for point in found["historical"]].count(None) == 4
        assert (found["summary"]["unpriced_requests"], found["summary"]["current_monthly_run_rate"]) == (4, 300)
        assert "by 31 days of history" in found["summary"]["confidence_reason"]

    def test_what_follows_from_nothing_known_is_null(self, database: Database) -> None:
        ask = database(*(line(NOW - timedelta(days=n), next(NUMBERS), None) for n in (0, 3, 20)))
        found = ask("forecast", horizon_days=2)
        assert [point["spend"] for point in found["historical"] if point["unpriced_requests"]] == [None] * 3
        nulls = {"predicted": None, "low": None, "high": None}
        assert found["forecast"] == [{"date": f"2026-04-0{day}", **nulls} for day in (4, 5)]
        summary = {name: value for name, value in found["summary"].items() if not name.startswith("confidence")}
        assert summary == {
            **dict.fromkeys(("current_monthly_run_rate", "projected_next_month", "projected_next_quarter")),
            **{"growth_rate_pct": None, "interval_pct": 80, "unpriced_requests": 3, "unpriced_usage_requests": 0},
        }
        for scenario in found["scenarios"].values():
            assert {value for name, value in scenario.items() if name != "description"} == {None}


class TestPeriods:
    def test_months_are_whole_the_current_one_with_what_was_spent(self, database: Database) -> None:
        """Today is April 3: the first two days' 10 each and 27 days more to come, today's 4 of 10 among them."""
        found = database(*days([10] * 40, today=4))("forecast", granularity="month", horizon_days=30)
        assert [(point["date"], float(point["spend"])) for point in found["historical"]] == [
            ("2026-02-01", 70),
            ("2026-03-01", 310),
            ("2026-04-01", 24),
        ]
        assert [point["is_partial"] for point in found["historical"]] == [False, False, True]
        assert [(point["date"], round(float(point["predicted"]), 6)) for point in found["forecast"]] == [
            ("2026-04-01", 300),
            ("2026-05-01", 310),
        ]

    def test_what_was_spent_already_is_the_least(self, database: Database) -> None:
        found = database(*days([10] * 40, today=500))("forecast", granularity="month", horizon_days=1)
        assert levels(found) == [pytest.approx((20 + 500 + 270,) * 3)]

    def test_what_was_spent_already_is_the_least_with_few_days_too(self, database: Database) -> None:
        found = database(*days([10], today=25))("forecast", granularity="month", horizon_days=1)
        # 10 yesterday; today 25 in place of the 10 expected; 27 days to come. The range: nothing more, or the double.
        assert levels(found) == [(10 + 25 + 270, 10 + 25, 10 + 15 + 2 * 280)]

    def test_weeks_begin_on_monday(self, database: Database) -> None:
        found = database(*days([10] * 40, today=4))("forecast", granularity="week", horizon_days=10)
        dates = [point["date"] for point in found["forecast"]]
        assert dates == ["2026-03-30", "2026-04-06", "2026-04-13"]
        assert [round(point[0], 6) for point in levels(found)] == [70, 70, 70]


class TestCheaperModel:
    def test_by_the_tokens_of_the_last_30_days(self, database: Database) -> None:
        found = database(*days([0.006] * 40, **SONNET))("forecast")["scenarios"]
        trend, cheaper = found["current_trend"], found["if_switch_to_cheaper_model"]
        assert float(trend["monthly"]) == pytest.approx(0.18)
        assert float(cheaper["monthly"]) == pytest.approx(0.06)
        assert float(cheaper["quarterly"]) == pytest.approx(0.18)
        assert cheaper["monthly"] + cheaper["savings"] == trend["monthly"]
        assert cheaper["description"] == (
            "claude-haiku-4-5 in place of claude-sonnet-4-6 (anthropic), the cheapest comparable model: at today's mix"
            " of tokens the last 30 days would have cost $0.06 instead of $0.18; quality was not compared"
        )

    def test_only_the_models_part_of_the_spend_gets_cheaper(self, database: Database) -> None:
        other = {"provider": "openai", "model": "gpt-5-nano", "input_tokens": 1, "output_tokens": 1}
        found = database(*days([0.006] * 40, **SONNET), *days([0.006] * 40, **other))("forecast")["scenarios"]
        assert float(found["if_switch_to_cheaper_model"]["monthly"]) == pytest.approx(0.36 - 0.12)

    def test_what_the_cache_took_off_is_taken_off_both(self, database: Database) -> None:
        found = database(*days([0.003] * 40, **SONNET))("forecast")["scenarios"]["if_switch_to_cheaper_model"]
        assert float(found["savings"]) == pytest.approx(0.09 * 2 / 3)

    @pytest.mark.parametrize("model", ["claude-haiku-4-5", "no-such-model", ""])
    def test_nothing_where_no_comparable_model_is_cheaper(self, database: Database, model: str) -> None:
        members = SONNET | {"model": model}
        found = database(*days([1] * 20, **members))("forecast")["scenarios"]["if_switch_to_cheaper_model"]
        assert found["savings"] == 0
        assert float(found["monthly"]) == 30
        assert "no model" in found["description"]

    def test_prices_of_ones_own_count(self, database: Database) -> None:
        ask = database(*days([0.006] * 40, **SONNET))
        entry = {"provider": "anthropic", "model": "claude-haiku-4-5", "input": 3, "output": 15}
        ask.app.pricing.value = PricingFile.model_validate({"models": [entry]})
        ask.app.prices.override(ask.app.pricing.value)
        found = ask("forecast")["scenarios"]["if_switch_to_cheaper_model"]
        assert found["savings"] == 0


random_logs = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@random_logs
@given(logs(), filters, st.integers(1, 365), st.sampled_from(["day", "week", "month"]))
def test_any_log(lines: list[bytes], chosen: Filters, horizon: int, granularity: str) -> None:
    log = Log(lines, None, chosen, NOW)
    tomorrow = datetime(2026, 4, 4, tzinfo=NOW.tzinfo)
    past = [event for event in log.calls if event["at"] < tomorrow]
    days = dict(by_day(past))
    with tempfile.TemporaryDirectory() as folder:
        ask = Asking(Path(folder), lines)
        try:
            found = ask("forecast", None, chosen, horizon_days=horizon, granularity=granularity)
        finally:
            ask.close()
    assert sum(point["spend"] or 0 for point in found["historical"]) == cost(past)
    if granularity == "day":
        spends = {point["date"]: point["spend"] for point in found["historical"] if point["date"] in days}
        assert spends == {day: spent(events) for day, events in days.items()}
        assert len(found["forecast"]) == horizon
    whole = [event for event in past if event["at"].date() < TODAY]
    if whole and spent(whole) is None:
        assert {found["summary"]["projected_next_month"], *(point["high"] for point in found["forecast"])} == {None}
        return
    if whole:
        unknown = sum(spent(events) is None for day, events in days.items() if day < str(TODAY))
        mean = cost(whole) / ((TODAY - date.fromisoformat(min(days))).days - unknown)
        assert abs(found["summary"]["projected_next_month"] - 30 * mean) <= Decimal("0.000001") * (1 + mean)
    elif spent(past) is None:
        return
    dates = [point["date"] for point in found["forecast"]]
    assert dates == sorted(set(dates))
    for point in found["forecast"]:
        assert 0 <= point["low"] <= point["predicted"] <= point["high"]
