"""Test GET /api/overview, spend, spend/summary and models by example. test_recomputed.py checks the sums in full."""

from decimal import Decimal
from typing import Any

import pytest

from tests.modeltrack_api.queries.asking import ALL_PRICED, NOW, USD, Database, between, calls, money


class TestOverview:
    LINES = calls(
        ("2026-02-01", 50 * USD, {"team": "product", "model": "gpt-4o"}),
        ("2026-03-29", 1 * USD, {"team": "search", "model": "gpt-4o-mini"}),
        ("2026-03-30", 2 * USD, {"team": "search", "model": "gpt-4o-mini"}),
        ("2026-04-01", 4 * USD, {"team": "search", "model": "gpt-4o-mini"}),
        ("2026-04-03", 8 * USD, {"team": "search", "model": "gpt-4o-mini"}),
    )

    def test_today_this_week_from_monday_and_this_month_in_utc(self, database: Database) -> None:
        found = database(*self.LINES)("overview")
        assert NOW.strftime("%A %d %B") == "Friday 03 April"
        assert (found["spend_today"], found["spend_this_week"], found["spend_this_month"]) == (8, 2 + 4 + 8, 4 + 8)

    def test_without_dates_the_rest_covers_all_time_and_the_trend_30_days(self, database: Database) -> None:
        found = database(*self.LINES)("overview")
        assert found["total_requests"] == 5
        assert found["top_team"] == {"team": "product", "spend": 50, **ALL_PRICED}
        trend = found["spend_trend"]
        assert (trend[0]["day"], trend[-1]["day"], len(trend)) == ("2026-03-05", "2026-04-03", 30)
        assert trend[-2:] == [
            {"day": "2026-04-02", "spend": 0, "requests": 0, **ALL_PRICED},
            {"day": "2026-04-03", "spend": 8, "requests": 1, **ALL_PRICED},
        ]

    def test_with_dates_everything_covers_the_range(self, database: Database) -> None:
        found = database(*self.LINES)("overview", between("2026-03-29", "2026-03-31"))
        assert (found["spend_today"], found["spend_this_week"], found["spend_this_month"]) == (3, 3, 3)
        assert found["total_requests"] == 2
        assert found["top_model"] == {"model": "gpt-4o-mini", "spend": 3, **ALL_PRICED}
        assert [(row["day"][-2:], row["spend"]) for row in found["spend_trend"]] == [("29", 1), ("30", 2), ("31", 0)]

    def test_a_trend_of_more_than_a_year_has_the_days_with_requests_only(self, database: Database) -> None:
        found = database(*self.LINES)("overview", between("2020-01-01", "2026-12-31"))
        assert [row["day"] for row in found["spend_trend"]] == [
            *("2026-02-01", "2026-03-29", "2026-03-30", "2026-04-01", "2026-04-03")
        ]

    def test_of_nothing(self, database: Database) -> None:
        found = database()("overview")
        assert (found["top_model"], found["top_team"], found["total_requests"]) == (None, None, 0)
        assert {row["spend"] for row in found["spend_trend"]} == {0}

    def test_what_was_saved_and_refused(self, database: Database) -> None:
        hit = {"cache_hit": True, "saved_usd": money(3 * USD)}
        routed = {"routed_from": "gpt-4o", "routed_to": "gpt-4o-mini", "saved_usd": money(5 * USD)}
        lines = calls(("2026-04-03", 0, hit), ("2026-04-03", 1, routed), ("2026-04-03", 0, {"blocked_by": "budget"}))
        found = database(*lines)("overview")
        assert (found["saved_by_cache"], found["saved_by_routing"], found["blocked_requests"]) == (3, 5, 1)
        assert found["total_requests"] == 3


@pytest.mark.parametrize(
    ("granularity", "periods"),
    [
        ("hour", {"2026-03-29T12:00:00Z": 1, "2026-03-30T12:00:00Z": 2, "2026-04-01T12:00:00Z": 4}),
        ("day", {"2026-03-02": 8, "2026-03-29": 1, "2026-03-30": 2, "2026-04-01": 4}),
        ("week", {"2026-03-02": 8, "2026-03-23": 1, "2026-03-30": 6}),
        ("month", {"2026-03-01": 11, "2026-04-01": 4}),
    ],
)
def test_spend_by_period_named_by_its_beginning_and_hours_of_the_last_week_only(
    database: Database, granularity: str, periods: dict[str, int]
) -> None:
    ask = database(
        *calls(
            ("2026-04-01", 4 * USD, {}),
            ("2026-03-30", 2 * USD, {}),
            ("2026-03-29", USD, {}),
            ("2026-03-02", 8 * USD, {}),
        )
    )
    found = ask("spend", granularity=granularity)
    assert [(row["period"], row["total_spend"]) for row in found] == list(periods.items())


def test_hours_of_a_range_with_a_start_are_all_there(database: Database) -> None:
    ask = database(*calls(("2026-03-02", USD, {})))
    [row] = ask("spend", between("2026-03-01", "2026-03-31"), granularity="hour")
    assert row["period"] == "2026-03-02T12:00:00Z"


def test_tokens_are_counted_by_what_they_cost_and_those_of_a_hit_apart(database: Database) -> None:
    tokens = {"input_tokens": 100, "cache_read_tokens": 20, "cache_write_tokens": 3, "output_tokens": 7}
    parts = {"cache_write_1h_tokens": 2, "reasoning_tokens": 5, "audio_input_tokens": 40}
    hit = {"cache_hit": True, "saved_usd": money(USD)}
    ask = database(
        *calls(
            ("2026-04-01", USD, {"model": "m", **tokens, **parts}),
            ("2026-04-01", USD, {"model": "m", **tokens, "image_input_tokens": 1, "image_output_tokens": 2}),
            ("2026-04-01", 0, {"model": "m", **tokens, **parts, **hit}),
        )
    )
    expected = {f"total_{name}": 2 * count for name, count in tokens.items()} | {
        **{f"total_{name}": count for name, count in parts.items()},
        **{"total_audio_output_tokens": 0, "total_image_input_tokens": 1, "total_image_output_tokens": 2},
        **{"total_tokens": 2 * 130, "total_hit_tokens": 130},
    }
    for row in (*ask("models"), *ask("features"), *ask("spend"), *ask("feature", name="")["by_model"]):
        assert {name: value for name, value in row.items() if name.endswith("_tokens")} == expected
    [row] = ask("models")
    assert (row["request_count"], row["avg_cost_per_request"]) == (3, Decimal("0.666666667"))


def test_a_call_without_a_known_price_is_a_request_that_is_in_no_sum(database: Database) -> None:
    ask = database(
        *calls(
            ("2026-04-01", None, {"model": "new", "team": "a"}),
            ("2026-04-01", None, {"model": "both", "team": "a"}),
            ("2026-04-01", 3, {"model": "both", "team": "b"}),
            ("2026-04-01", 1, {"model": "old", "team": "b"}),
        )
    )
    found = ask("spend_summary")
    assert (found["total_spend"], found["total_requests"], found["unpriced_requests"]) == (Decimal("4e-9"), 4, 2)
    assert found["by_model"] == {"both": Decimal("3e-9"), "old": Decimal("1e-9"), "new": None}
    assert found["unpriced_requests_by_model"] == {"both": 1, "new": 1}
    assert (found["by_team"], found["unpriced_requests_by_team"]) == ({"b": Decimal("4e-9"), "a": None}, {"a": 2})
    averages = {row["model"]: row["avg_cost_per_request"] for row in ask("models")}
    assert averages == {"both": Decimal("3e-9"), "old": Decimal("1e-9"), "new": None}


@pytest.mark.parametrize(
    ("cost", "told", "spend"),
    [
        (None, {}, None),
        (0, {"unpriced_usage": ["usage.searches"]}, None),
        (USD, {"unpriced_usage": ["usage.searches"]}, 1),
        (0, {}, 0),
        (0, {"cache_hit": True, "unpriced_usage": ["usage.searches"]}, 0),
    ],
    ids=["no price", "no price of any part", "no price of a part", "free", "a hit costs nothing whatever it repeats"],
)
def test_a_sum_is_null_where_nothing_of_it_is_known(
    database: Database, cost: int | None, told: dict[str, Any], spend: int | None
) -> None:
    [row] = database(*calls(("2026-04-01", cost, told)))("spend")
    assert row["total_spend"] == spend
    is_in_part = cost is not None and "unpriced_usage" in told and "cache_hit" not in told
    assert (row["unpriced_requests"], row["unpriced_usage_requests"]) == (cost is None, is_in_part)
