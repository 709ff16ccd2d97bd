"""Test GET /api/reports/executive."""

import csv
import io
import tempfile
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modeltrack_api.reports.executive import PERIODS
from modeltrack_api.store.sums import Filters
from modeltrack_api.utc import Window, micros
from tests.modeltrack_api.queries.asking import ALL_PRICED, NOW, USD, Asking, Database, at, line
from tests.modeltrack_api.queries.log import Log, cost, groups, is_unpriced, spent
from tests.modeltrack_api.queries.made_events import FIRST, filters, logs
from tests.modeltrack_api.queries.recomputed import cache
from tests.modeltrack_api.reports.reported import LINES, NOBODY, PRODUCT, SEARCH, calls, until


class TestPeriod:
    @pytest.mark.parametrize(
        ("period", "start", "label"),
        [
            ("weekly", "2026-03-28", "Weekly: Mar 28 to Apr 3, 2026"),
            ("monthly", "2026-03-05", "Monthly: Mar 5 to Apr 3, 2026"),
            ("quarterly", "2026-01-04", "Quarterly: Jan 4 to Apr 3, 2026"),
        ],
    )
    def test_ends_today(self, database: Database, period: str, start: str, label: str) -> None:
        first = date.fromisoformat(start)
        before = (first - timedelta(days=1)).isoformat()
        ask = database(*calls((f"{before}T23:59", 1, {}), (f"{start}T00:00", 2, {}), ("2026-04-03T23:59", 4, {})))
        found = ask("executive", period=period)
        assert found["period"] == {"start": start, "end": "2026-04-03", "label": label}
        assert found["summary"]["total_spend"] == 6
        assert len(found["daily_spend"]) == PERIODS[period]

    def test_ends_with_the_day_asked_for(self, database: Database) -> None:
        ask = database(*calls(("2026-01-02", 1, {}), ("2026-01-03T23:59", 2, {}), ("2026-01-04T00:00", 4, {})))
        found = ask("executive", until("2026-01-03"), period="weekly")
        assert found["period"] == {
            "start": "2025-12-28",
            "end": "2026-01-03",
            "label": "Weekly: Dec 28, 2025 to Jan 3, 2026",
        }
        assert found["summary"]["total_spend"] == 3

    @pytest.mark.parametrize("day", ["0001-01-01", "0001-01-05", "1969-12-31", "9999-12-31"])
    def test_may_be_at_the_end_of_time(self, database: Database, day: str) -> None:
        end = micros(at(day, "00:00")) + 24 * 3600 * 10**6
        found = database(*calls(("2026-01-02", 1, {})))("executive", Window(0, end), period="quarterly")
        assert found["period"]["end"] == day
        assert found["summary"]["total_requests"] == 0

    def test_days_to_come_are_not_listed(self, database: Database) -> None:
        found = database(*calls(("2026-04-03", 1, {})))("executive", until("2026-04-05"), period="weekly")
        assert [row["date"] for row in found["daily_spend"]] == [
            *("2026-03-30", "2026-03-31", "2026-04-01", "2026-04-02", "2026-04-03")
        ]


class TestTrends:
    def test_against_the_period_before(self, database: Database) -> None:
        """There are 2 calls for 10 USD before, and 3 for 12 now: a call costs 4 instead of 5."""
        ask = database(
            *calls(("2026-03-20", 4, {}), ("2026-03-26", 6, {}), ("2026-03-31", 4, {})),
            *(line(at("2026-04-01"), 10 + n, 4 * USD) for n in range(2)),
        )
        assert ask("executive", until("2026-04-02"), period="weekly")["trends"] == {
            "spend_change_pct": 20,
            "request_change_pct": 50,
            "cost_efficiency_change_pct": 20,
        }

    def test_a_day_that_is_not_over_is_compared_with_as_much_of_its_counterpart(self, database: Database) -> None:
        """It is 15:30 on April 3, and March 27 is the same weekday a week before."""
        ask = database(*calls(("2026-04-03T15:00", 5, {}), ("2026-03-27T15:00", 5, {}), ("2026-03-27T16:00", 100, {})))
        assert ask("executive", period="weekly")["trends"]["spend_change_pct"] == 0
        assert ask("executive", until("2026-04-03"), period="weekly")["trends"]["spend_change_pct"] == 0
        assert ask("executive", until("2026-03-27"), period="weekly")["summary"]["total_spend"] == 105

    def test_null_where_there_was_nothing(self, database: Database) -> None:
        assert database(*calls(("2026-04-03", 5, {})))("executive")["trends"] == {
            "spend_change_pct": None,
            "request_change_pct": None,
            "cost_efficiency_change_pct": None,
        }

    @pytest.mark.parametrize("days", [("2026-03-20", "2026-03-31"), ("2026-03-31", "2026-03-20")])
    def test_null_where_one_of_the_two_is_not_known(self, database: Database, days: tuple[str, str]) -> None:
        ask = database(line(at(days[0]), 1, None), line(at(days[1]), 2, USD))
        assert ask("executive", until("2026-04-02"), period="weekly")["trends"] == {
            "spend_change_pct": None,
            "request_change_pct": 0,
            "cost_efficiency_change_pct": None,
        }

    def test_the_cost_of_a_call_is_that_of_calls_with_a_known_price(self, database: Database) -> None:
        now = [line(at("2026-03-31"), n, nanos) for n, nanos in enumerate((4 * USD, None, None))]
        found = database(line(at("2026-03-20"), 9, 4 * USD), *now)("executive", until("2026-04-02"), period="weekly")
        assert found["trends"]["cost_efficiency_change_pct"] == 0
        assert (found["summary"]["avg_cost_per_request"], found["summary"]["unpriced_requests"]) == (4, 2)

    def test_nothing_after_nothing_is_no_change(self, database: Database) -> None:
        trends = database()("executive")["trends"]
        assert trends == {"spend_change_pct": 0, "request_change_pct": 0, "cost_efficiency_change_pct": None}

    def test_an_end_is_a_change_of_all(self, database: Database) -> None:
        trends = database(*calls(("2026-02-20", 5, {})))("executive")["trends"]
        assert (trends["spend_change_pct"], trends["request_change_pct"]) == (-100, -100)


class TestParts:
    def test_each_has_its_share(self, database: Database) -> None:
        found = database(*LINES)("executive")
        assert found["summary"] == {
            "total_spend": 8,
            "total_requests": 4,
            "unique_models": 2,
            "unique_teams": 2,
            "unique_features": 2,
            "unique_users": 0,
            "unique_keys": 0,
            "avg_cost_per_request": 2,
            "cache_hit_rate": Decimal("0.25"),
            **ALL_PRICED,
        }
        assert found["spend_by_team"] == [
            {"team": "product", "spend": 6, "requests": 2, "pct_of_total": 75, **ALL_PRICED},
            {"team": "", "spend": 1, "requests": 1, "pct_of_total": 12.5, **ALL_PRICED},
            {"team": "search", "spend": 1, "requests": 1, "pct_of_total": 12.5, **ALL_PRICED},
        ]
        assert found["spend_by_model"] == [
            {"model": "gpt-4o", "spend": 7, "requests": 3, "pct_of_total": 87.5, **ALL_PRICED},
            {"model": "gpt-4o-mini", "spend": 1, "requests": 1, "pct_of_total": 12.5, **ALL_PRICED},
        ]
        assert found["spend_by_feature"][0] == {
            **{"feature": "chat", "spend": 6, "requests": 2, "avg_cost": 3},
            **ALL_PRICED,
        }
        assert found["daily_spend"][-3:] == [
            {"date": "2026-04-01", "spend": 6, "requests": 1, **ALL_PRICED},
            {"date": "2026-04-02", "spend": 1, "requests": 1, **ALL_PRICED},
            {"date": "2026-04-03", "spend": 1, "requests": 2, **ALL_PRICED},
        ]

    def test_users_and_keys_are_listed_where_any_call_has_one(self, database: Database) -> None:
        ask = database(*calls(("2026-04-01", 3, {"user": "ann"}), ("2026-04-02", 1, {})))
        found = ask("executive")
        assert found["spend_by_user"] == [
            {"user": "ann", "spend": 3, "requests": 1, "pct_of_total": 75, **ALL_PRICED},
            {"user": "", "spend": 1, "requests": 1, "pct_of_total": 25, **ALL_PRICED},
        ]
        assert found["spend_by_key"] == []
        assert (found["summary"]["unique_users"], found["summary"]["unique_keys"]) == (1, 0)

    def test_of_many_users_the_dearest_are_listed_and_all_are_counted(self, database: Database) -> None:
        found = database(*calls(*(("2026-04-01", n, {"user": f"user {n}"}) for n in range(1, 61))))("executive")
        assert [row["user"] for row in found["spend_by_user"]] == [f"user {n}" for n in range(60, 10, -1)]
        assert found["summary"]["unique_users"] == 60

    def test_of_one_team(self, database: Database) -> None:
        found = database(*LINES)("executive", None, Filters(team="search"))
        assert found["summary"]["total_spend"] == 1
        assert [row["team"] for row in found["spend_by_team"]] == ["search"]


class TestAdvice:
    def test_of_nothing(self, database: Database) -> None:
        found = database()("executive")
        assert (found["optimization_actions"], found["recommendations"]) == (
            [],
            ["There were no calls in this period."],
        )

    def test_a_cheaper_model_with_what_it_would_have_saved(self, database: Database) -> None:
        """Sonnet costs 3 and 15 USD a million: 10 million tokens in and 1 million out are 45. Haiku costs 1 and 5."""
        tokens = {"input_tokens": 10_000_000, "output_tokens": 1_000_000}
        ask = database(*calls(("2026-04-01", 45, tokens | {"provider": "anthropic", "model": "claude-sonnet-4-6"})))
        found = ask("executive")
        assert found["optimization_actions"] == [
            {
                "type": "switch_model",
                "description": (
                    "Try claude-haiku-4-5 in place of claude-sonnet-4-6 (anthropic): at today's mix of tokens it would"
                    " have saved about $30.00 of $45.00; quality was not compared."
                ),
                "estimated_savings": 30,
            }
        ]
        assert found["recommendations"][0] == (
            "Change models as listed in the actions: at today's mix of tokens it would have saved about $30.00;"
            " quality was not compared."
        )

    def test_less_than_a_cent_is_not_worth_it(self, database: Database) -> None:
        members = {"provider": "anthropic", "model": "claude-sonnet-4-6", "input_tokens": 1000, "output_tokens": 0}
        assert database(*calls(("2026-04-01", 0.003, members)))("executive")["optimization_actions"] == []

    @pytest.mark.parametrize(
        ("lines", "expected"),
        [
            (
                calls(("2026-02-20", 10, SEARCH), ("2026-04-01", 11, SEARCH), ("2026-04-01", 4, PRODUCT)),
                "Spend rose by $5.00 (50%) to $15.00; most of it with team product, $4.00 more: see what changed"
                " there.",
            ),
            (
                calls(("2026-04-01", 30, SEARCH), ("2026-04-01", 10, PRODUCT)),
                "The model gpt-4o-mini takes $30.00, 75% of the spend: savings there count most.",
            ),
            (
                calls(("2026-04-01", 3, NOBODY), ("2026-04-01", 7, PRODUCT)),
                "$3.00 (30%) belongs to no team: send X-ModelTrack-Team with each call, or set"
                " MODELTRACK_DEFAULT_TEAM.",
            ),
            (
                [line(at("2026-04-01"), n, None, team="a") for n in range(2)],
                "2 calls were of models without a known price, so not in any sum here: add them to data/pricing.json.",
            ),
            (
                [line(at("2026-04-01"), 1, USD, unpriced_usage=["usage.searches"])],
                "1 call was billed for something without a known price, which no sum here has: see unpriced_usage in"
                " their events.",
            ),
            (
                [line(at("2026-04-01"), 1, 0, blocked_by="budget")],
                "1 call was refused, by budgets or rules: see whether their limits are still right.",
            ),
            (
                [line(at("2026-04-01"), 1, 0, cache_hit=True, saved_usd=1.5)],
                "1 call was answered by the cache, which saved $1.50.",
            ),
            (
                [line(at("2026-04-01"), 1, 0, cache_hit=True)],
                "1 call was answered by the cache, which saved an amount that is not known.",
            ),
            (
                [line(at("2026-04-01"), n, None) for n in range(1000)],
                "The cache answered none of 1,000 calls: see CACHE_ENABLED and CACHE_TTL_SECONDS.",
            ),
            (
                [line(at("2026-04-01"), n, USD // 100) for n in range(1000)],
                "The cache answered none of 1,000 calls; each that comes again costs about $0.01: see CACHE_ENABLED and"
                " CACHE_TTL_SECONDS.",
            ),
        ],
        ids=[
            *("growth", "concentration", "nobody's", "unpriced", "unpriced in part", "refused", "saved by the cache"),
            *("saved nobody knows what", "no cache and no price", "no cache"),
        ],
    )
    def test_recommendations_name_amounts(self, database: Database, lines: list[bytes], expected: str) -> None:
        assert expected in database(*lines)("executive")["recommendations"]

    def test_what_is_as_it_should_be_is_not_worth_a_word(self, database: Database) -> None:
        ask = database(*calls(("2026-02-20", 10, PRODUCT), ("2026-04-01", 5, PRODUCT), ("2026-04-01", 5, SEARCH)))
        assert [text for text in ask("executive")["recommendations"] if "50%" not in text] == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(logs(), filters, st.sampled_from(sorted(PERIODS)), st.integers(-3, 20))
def test_any_log(lines: list[bytes], chosen: Filters, period: str, day: int) -> None:
    last = (FIRST + timedelta(days=day)).date()
    window = until(last.isoformat())
    first = datetime.combine(last, datetime.min.time(), NOW.tzinfo) - timedelta(days=PERIODS[period] - 1)
    log = Log(lines, Window(micros(first), window.end), chosen, NOW)
    with tempfile.TemporaryDirectory() as folder:
        ask = Asking(Path(folder), lines)
        try:
            found = ask("executive", window, chosen, period=period)
            exported = ask("executive_export", window, chosen, period=period, format="csv")
        finally:
            ask.close()
    summary = found["summary"]
    assert (summary["total_spend"], summary["total_requests"]) == (spent(log.calls), len(log.calls))
    assert summary["unpriced_requests"] == sum(map(is_unpriced, log.calls))
    for label in ("team", "model", "feature"):
        rows = found[f"spend_by_{label}"]
        assert [(row[label], row["spend"], row["requests"]) for row in rows] == [
            (name, spent(events), len(events)) for name, events in groups(log.calls, label)
        ]
        assert summary[f"unique_{label}s"] == len({e.get(label, "") for e in log.calls} - {""})
        assert sum(row.get("pct_of_total") or 0 for row in rows) == pytest.approx(
            100 if cost(log.calls) and label != "feature" else 0, abs=0.05
        )
    asked = cache(log)["hits"] + cache(log)["misses"]
    assert float(summary["cache_hit_rate"]) == (round(cache(log)["hits"] / asked, 4) if asked else 0)
    days = Counter(event["at"].date().isoformat() for event in log.calls)
    assert {row["date"]: row["requests"] for row in found["daily_spend"] if row["requests"]} == days
    assert sum(row["spend"] or 0 for row in found["daily_spend"]) == cost(log.calls)
    assert list(csv.reader(io.StringIO(exported.content.decode(), newline="")))[1][:2] == ["period", "start"]
