"""What the read calls answer, by example. That the sums are right is in test_queries_recomputed.py."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from modeltrack_api.api import ApiError
from modeltrack_api.facts import Filters
from tests.modeltrack_api.asking import NOW, Asking, at, between, line, money

USD = 10**9
Ask = Callable[..., Asking]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Ask]:
    made: list[Asking] = []

    def make(*lines: bytes, budgets: Any = ()) -> Asking:
        made.append(Asking(tmp_path, lines, budgets))
        return made[-1]

    yield make
    for each in made:
        each.close()


def calls(*described: tuple[str, int | None, dict[str, Any]]) -> list[bytes]:
    """Of a day, the cost in nano-USD and the members."""
    return [line(at(day), number, nanos, **members) for number, (day, nanos, members) in enumerate(described)]


class TestOverview:
    LINES = calls(
        ("2026-02-01", 50 * USD, {"team": "product", "model": "gpt-4o"}),
        ("2026-03-29", 1 * USD, {"team": "search", "model": "gpt-4o-mini"}),
        ("2026-03-30", 2 * USD, {"team": "search", "model": "gpt-4o-mini"}),
        ("2026-04-01", 4 * USD, {"team": "search", "model": "gpt-4o-mini"}),
        ("2026-04-03", 8 * USD, {"team": "search", "model": "gpt-4o-mini"}),
    )

    def test_today_this_week_from_monday_and_this_month_in_utc(self, database: Ask) -> None:
        found = database(*self.LINES)("overview")
        assert NOW.strftime("%A %d %B") == "Friday 03 April"
        assert (found["spend_today"], found["spend_this_week"], found["spend_this_month"]) == (8, 2 + 4 + 8, 4 + 8)

    def test_without_dates_the_rest_covers_all_time_and_the_trend_30_days(self, database: Ask) -> None:
        found = database(*self.LINES)("overview")
        assert found["total_requests"] == 5
        assert found["top_team"] == {"team": "product", "spend": 50}
        trend = found["spend_trend"]
        assert (trend[0]["day"], trend[-1]["day"], len(trend)) == ("2026-03-05", "2026-04-03", 30)
        assert trend[-2:] == [
            {"day": "2026-04-02", "spend": 0, "requests": 0},
            {"day": "2026-04-03", "spend": 8, "requests": 1},
        ]

    def test_with_dates_everything_covers_the_range(self, database: Ask) -> None:
        found = database(*self.LINES)("overview", between("2026-03-29", "2026-03-31"))
        assert (found["spend_today"], found["spend_this_week"], found["spend_this_month"]) == (3, 3, 3)
        assert (found["total_requests"], found["top_model"]) == (2, {"model": "gpt-4o-mini", "spend": 3})
        assert [(row["day"][-2:], row["spend"]) for row in found["spend_trend"]] == [("29", 1), ("30", 2), ("31", 0)]

    def test_a_trend_of_more_than_a_year_has_the_days_with_requests_only(self, database: Ask) -> None:
        found = database(*self.LINES)("overview", between("2020-01-01", "2026-12-31"))
        assert [row["day"] for row in found["spend_trend"]] == [
            *("2026-02-01", "2026-03-29", "2026-03-30", "2026-04-01", "2026-04-03")
        ]

    def test_of_nothing(self, database: Ask) -> None:
        found = database()("overview")
        assert (found["top_model"], found["top_team"], found["total_requests"]) == (None, None, 0)
        assert {row["spend"] for row in found["spend_trend"]} == {0}

    def test_what_was_saved_and_refused(self, database: Ask) -> None:
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
    database: Ask, granularity: str, periods: dict[str, int]
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


def test_hours_of_a_range_with_a_start_are_all_there(database: Ask) -> None:
    ask = database(*calls(("2026-03-02", USD, {})))
    [row] = ask("spend", between("2026-03-01", "2026-03-31"), granularity="hour")
    assert row["period"] == "2026-03-02T12:00:00Z"


def test_tokens_include_the_providers_cache_and_those_of_a_hit_in_ours(database: Ask) -> None:
    tokens = {"input_tokens": 100, "cache_read_tokens": 20, "cache_write_tokens": 3, "output_tokens": 7}
    hit = tokens | {"cache_hit": True, "saved_usd": money(USD)}
    ask = database(*calls(("2026-04-01", USD, tokens | {"model": "m"}), ("2026-04-01", 0, hit | {"model": "m"})))
    [row] = ask("models")
    assert (row["total_input_tokens"], row["total_output_tokens"], row["total_tokens"]) == (246, 14, 260)
    assert (row["request_count"], row["avg_cost_per_request"]) == (2, Decimal("0.5"))


def test_a_call_without_a_known_price_is_a_request_that_adds_nothing(database: Ask) -> None:
    ask = database(*calls(("2026-04-01", None, {"model": "new"}), ("2026-04-01", 1, {"model": "old"})))
    found = ask("spend_summary")
    assert found["total_requests"] == 2
    assert found["by_model"] == {"old": Decimal("1e-9"), "new": 0}


def test_teams_carry_infrastructure_costs_beside_their_spend(database: Ask) -> None:
    machine = {"event_type": "aws_infrastructure", "service": "AmazonEC2"}
    ask = database(
        *calls(
            ("2026-04-01", USD, {"team": "product", "model": "m", "app_id": "chat"}),
            ("2026-04-01", 7 * USD, {"team": "product", **machine}),
            ("2026-04-01", 9 * USD, {"team": "data", **machine}),
        )
    )
    product, data = ask("teams")
    assert product == {
        "team": "product",
        "total_spend": 1,
        "request_count": 1,
        "by_model": {"m": 1},
        "by_app": {"chat": 1},
        "infra_cost": 7,
    }
    assert (data["team"], data["total_spend"], data["request_count"], data["infra_cost"]) == ("data", 0, 0, 9)


def test_a_features_primary_model_is_the_dearest_not_the_most_used(database: Ask) -> None:
    cheap = [("2026-04-01", 1, {"feature": "f", "model": "cheap", "team": "a"})] * 3
    ask = database(*calls(*cheap, ("2026-04-01", USD, {"feature": "f", "model": "dear", "team": "b"})))
    [row] = ask("features")
    assert (row["primary_model"], row["primary_team"], row["request_count"]) == ("dear", "b", 4)


def test_an_unknown_feature_is_not_found_and_one_without_calls_in_the_range_is_empty(database: Ask) -> None:
    ask = database(*calls(("2026-04-01", 1, {"feature": "f"})))
    with pytest.raises(ApiError, match="no calls of a feature 'g'") as caught:
        ask("feature", name="g")
    assert caught.value.status == 404
    found = ask("feature", between("2026-01-01", "2026-01-31"), name="f")
    assert found["cost_over_time"] == found["by_model"] == found["by_team"] == []
    assert found["avg_tokens"] == {"avg_input_tokens": 0, "avg_output_tokens": 0}


class TestSessions:
    def test_newest_first_with_all_that_took_part(self, database: Ask) -> None:
        ask = database(
            *calls(
                ("2026-04-01", USD, {"session_id": "long", "model": "b", "team": "t", "app_id": "x"}),
                ("2026-04-02", USD, {"session_id": "short", "model": "b"}),
                ("2026-04-03", USD, {"session_id": "long", "model": "a", "team": "t", "trace_id": "t1"}),
            )
        )
        long, short = ask("sessions")
        assert long == {
            "session_id": "long",
            "total_cost": 2,
            "request_count": 2,
            "models": "a,b",
            "duration_seconds": 2 * 24 * 3600,
            "team": "t",
            "app_id": "x",
            "first_seen": "2026-04-01T12:00:00.000000Z",
            "last_seen": "2026-04-03T12:00:00.000000Z",
        }
        assert short["session_id"] == "short"
        assert [row["session_id"] for row in ask("sessions", trace_id="t1")] == ["long"]
        assert [row["session_id"] for row in ask("sessions", between("2026-04-02", "2026-04-02"))] == ["long", "short"]
        assert ask("session", id="long")["summary"] == long | {"trace_ids": ["t1"]}

    def test_of_a_very_long_one_the_newest_events_are_shown_oldest_first(self, database: Ask) -> None:
        start = at("2026-04-01")
        ask = database(*[line(start + timedelta(seconds=n), n, n, session_id="s") for n in range(1002)])
        found = ask("session", id="s")
        assert [event["cost_usd"] * USD for event in found["events"]] == list(range(2, 1002))
        assert (found["truncated"], found["summary"]["request_count"]) == (True, 1002)

    def test_an_unknown_one_is_not_found(self, database: Ask) -> None:
        with pytest.raises(ApiError, match="no calls of a session 's'") as caught:
            database()("session", id="s")
        assert caught.value.status == 404


class TestEvents:
    def test_come_as_in_the_log_without_empty_members(self, database: Ask) -> None:
        counts = {"input_tokens": 5, "output_tokens": 0, "cache_read_tokens": 0, "cache_write_tokens": 0}
        call = {"provider": "openai", "model": "new", **counts, "latency_ms": 12, "team": "t"}
        ask = database(line(at("2026-04-01"), 1, None, is_streaming=True, cache_hit=False, **call))
        assert ask("events") == {
            "events": [
                {
                    "event_id": "00000000-0000-4000-8000-000000000001",
                    "timestamp": "2026-04-01T12:00:00.000000Z",
                    "event_type": "llm_api",
                    "cost_usd": None,
                    "is_streaming": True,
                    "cache_hit": False,
                    "token_summary": "in=5 out=0 cache_read=0 cache_write=0",
                    **call,
                }
            ],
            "next_cursor": None,
        }

    def test_pages_skip_and_repeat_nothing_while_events_are_added(self, database: Ask) -> None:
        start = at("2026-04-01")
        ask = database(*[line(start + timedelta(seconds=n), n, 0) for n in range(4)])
        first = ask("events", limit=2)
        ask.add([line(start + timedelta(seconds=n), n, 0) for n in range(4, 7)])
        second = ask("events", limit=2, cursor=first["next_cursor"])
        assert [numbers(page) for page in (first, second)] == [[3, 2], [1, 0]]
        assert second["next_cursor"] is None

    @pytest.mark.parametrize("cursor", ["", "1", "1.", "1.2.3", "a.b", "1.2 ", "\u0661.2", "9" * 19 + ".1"])
    def test_a_cursor_that_is_none_is_refused(self, database: Ask, cursor: str) -> None:
        with pytest.raises(ApiError, match="cursor: must be the next_cursor") as caught:
            database()("events", cursor=cursor)
        assert caught.value.status == 400

    @pytest.mark.parametrize("filters", [Filters(team="rare"), Filters(team="rare", model="m"), Filters(team="nobody")])
    def test_a_filter_that_few_events_pass_does_not_read_the_others(self, database: Ask, filters: Filters) -> None:
        start = at("2026-04-01", "00:00")
        many = [line(start + timedelta(seconds=n), n, 0, team="many", model="m") for n in range(9000)]
        ask = database(line(at("2026-03-01"), 10**6, 0, team="rare", model="m"), *many)
        assert steps(ask, "events", filters) < 2000 < 9000 < steps(ask, "events", Filters(team="many"), limit=1000)


def numbers(page: dict[str, Any]) -> list[int]:
    return [int(event["event_id"][-12:], 16) for event in page["events"]]


def steps(ask: Asking, call: str, filters: Filters, **args: Any) -> int:
    """Instructions of SQLite's that a question takes, to the hundred: each row that is looked at takes several."""
    hundreds = 0

    def count() -> int:
        nonlocal hundreds
        hundreds += 1
        return 0

    ask(call, filters=filters, **args)  # so that its statements are prepared
    with ask.app.store.reading() as db:
        db.set_progress_handler(count, 100)
    ask(call, filters=filters, **args)
    return hundreds * 100


PROMPT = {"provider": "anthropic", "prompt_hash": "aaaaaaaa"}
LONG_PROMPT = PROMPT | {
    "model": "claude-sonnet-4-6",
    "system_prompt_tokens": 5000,
    "input_tokens": 5200,
    "output_tokens": 10,
}


def spread(count: int, nanos: int, members: dict[str, Any]) -> list[bytes]:
    """Calls over a day."""
    start = at("2026-04-01", "00:00")
    return [line(start + timedelta(days=1) * n / count, n, nanos, **members) for n in range(count)]


class TestPrompts:
    def test_are_known_by_their_template_or_else_by_their_hash(self, database: Ask) -> None:
        ask = database(
            *calls(
                ("2026-04-01", USD, {"prompt_template_id": "greet", "prompt_hash": "aaaaaaaa", "feature": "f"}),
                ("2026-04-01", USD, {"prompt_template_id": "greet", "prompt_hash": "bbbbbbbb", "feature": "g"}),
                ("2026-04-01", USD, {"prompt_hash": "aaaaaaaa"}),
                ("2026-04-01", USD, {}),
            )
        )
        assert [(row["prompt_id"], row["request_count"], row["features"]) for row in ask("prompts")] == [
            ("greet", 2, "f,g"),
            ("aaaaaaaa", 1, ""),
        ]

    def test_a_long_system_prompt_used_often_is_worth_the_providers_cache(self, database: Ask) -> None:
        """288 calls a day are one in 5 minutes: 1 - 1/e of them come within 5 minutes of another (Poisson).

        1,440,000 system tokens cost $4.32 at $3 a million. From the cache, 910,254 tokens at $0.30 and 529,746 at
        $3.75, which is what writing them costs, would have been $2.2596237.
        """
        ask = database(*spread(288, 15_750_000, LONG_PROMPT))
        [row] = ask("prompts")
        assert row["potential_savings"] == Decimal("2.0603763")
        assert row["optimization_suggestions"] == [
            "Let anthropic cache the system prompt (about 5000 tokens, 288 calls of claude-sonnet-4-6):"
            ' would have saved about $2.06. Mark its end with "cache_control": {"type": "ephemeral"}.'
        ]
        assert ask("prompts_summary")["potential_savings"] == Decimal("2.0603763")

    @pytest.mark.parametrize(
        ("why", "count", "changed"),
        [
            ("it is in the cache already", 288, {"input_tokens": 200, "cache_read_tokens": 5000}),
            ("it is too short to be cached", 288, {"system_prompt_tokens": 1000}),
            ("it is used so seldom that writing it costs more than reading it saves", 20, {}),
            ("the model has no price", 288, {"model": "mine"}),
            ("the provider is not known", 288, {"provider": "elsewhere"}),
        ],
    )
    def test_nothing_is_suggested_where(self, database: Ask, why: str, count: int, changed: dict[str, Any]) -> None:
        [row] = database(*spread(count, 15_750_000, LONG_PROMPT | changed))("prompts")
        assert (row["optimization_suggestions"], row["potential_savings"]) == ([], 0), why

    def test_the_next_cheaper_model_of_the_provider_that_is_in_use_is_worth_a_try(self, database: Ask) -> None:
        """Opus at $5 and $25 a million, Sonnet at $3 and $15: 100 calls of 1000 and 1000 tokens are $3.00 and $1.80."""
        opus = PROMPT | {"model": "claude-opus-4-6", "input_tokens": 1000, "output_tokens": 1000}
        others = ("claude-sonnet-4-6", "claude-haiku-4-5", "claude-opus-4-5")
        ask = database(
            *spread(100, 30_000_000, opus),
            *[line(NOW, 100 + n, 1, provider="anthropic", model=model) for n, model in enumerate(others)],
            line(NOW, 103, 1, provider="bedrock", model="claude-sonnet-4-5"),
        )
        [row] = ask("prompts")
        assert row["optimization_suggestions"] == [
            "Try claude-sonnet-4-6 in place of claude-opus-4-6: would have saved about $1.20 on 100 calls."
        ]
        assert row["potential_savings"] == Decimal("1.2")

    def test_of_nothing(self, database: Ask) -> None:
        assert database()("prompts_summary") == {
            "total_unique_prompts": 0,
            "most_expensive_prompt": None,
            "longest_system_prompt": None,
            "most_cacheable": None,
            "potential_savings": 0,
        }


def test_infrastructure_by_service_team_and_day_and_how_gpus_are_used(database: Ask) -> None:
    gpu = {"event_type": "gpu_compute", "service": "GPU", "team": "ml", "resource_id": "i-1", "gpu_type": "A100"}
    node = {"event_type": "aws_infrastructure", "service": "AmazonEC2", "team": "web"}
    ask = database(
        *calls(
            ("2026-04-01", 3 * USD, gpu | {"gpu_utilization_pct": 30}),
            ("2026-04-02", 3 * USD, gpu | {"gpu_utilization_pct": 45.5}),
            ("2026-04-02", None, gpu | {"resource_id": "i-2"}),
            ("2026-04-02", 2 * USD, node),
            ("2026-04-02", 100 * USD, {"team": "web", "model": "m"}),
        )
    )
    assert ask("infrastructure") == {
        "total_infra_cost": 8,
        "by_service": [
            {"service": "GPU", "cost": 6, "events": 3},
            {"service": "AmazonEC2", "cost": 2, "events": 1},
        ],
        "by_team": [{"team": "ml", "cost": 6, "events": 3}, {"team": "web", "cost": 2, "events": 1}],
        "gpu_utilization": [
            {"resource_id": "i-1", "gpu_type": "A100", "avg_utilization": Decimal("37.75"), "cost": 6, "team": "ml"},
            {"resource_id": "i-2", "gpu_type": "A100", "avg_utilization": None, "cost": 0, "team": "ml"},
        ],
        "daily_trend": [{"date": "2026-04-01", "cost": 3}, {"date": "2026-04-02", "cost": 5}],
    }


def test_streams_and_refusals_are_no_misses_of_the_cache(database: Ask) -> None:
    hit = {"cache_hit": True, "saved_usd": money(2 * USD)}
    plain: dict[str, Any] = {}
    ask = database(
        *calls(
            *[("2026-04-01", 0, hit | {"team": "t"}), ("2026-04-01", 1, plain), ("2026-04-01", 1, plain)],
            *[("2026-04-01", 1, {"is_streaming": True}), ("2026-04-01", 0, {"blocked_by": "budget"})],
        )
    )
    found = ask("cache")
    assert (found["hits"], found["misses"], found["hit_rate_percent"], found["saved_usd"]) == (
        1,
        2,
        Decimal("33.33"),
        2,
    )
    assert found["by_team"] == [
        {"team": "t", "hits": 1, "misses": 0, "hit_rate_percent": 100, "saved_usd": 2},
        {"team": "", "hits": 0, "misses": 2, "hit_rate_percent": 0, "saved_usd": 0},
    ]


def test_routing_by_rule_and_by_pair_of_models(database: Ask) -> None:
    routed = {"routed_from": "opus", "routed_to": "haiku", "routing_rule": "thrift", "saved_usd": money(2 * USD)}
    refused = {"blocked_by": "rule", "routing_rule": "no-opus"}
    ask = database(*calls(("2026-04-01", 1, routed), ("2026-04-01", 1, routed), ("2026-04-01", 0, refused)))
    assert ask("routing") == {
        "routed": 2,
        "blocked": 1,
        "saved_usd": 4,
        "by_rule": [
            {"rule": "thrift", "routed": 2, "blocked": 0, "saved_usd": 4},
            {"rule": "no-opus", "routed": 0, "blocked": 1, "saved_usd": 0},
        ],
        "by_pair": [{"from": "opus", "to": "haiku", "count": 2, "saved_usd": 4}],
    }


TEAM_BUDGET = {"team": "product", "monthly_limit": 1000, "action": "block"}


class TestBudgets:
    def test_a_teams_budget_covers_all_its_apps_in_this_month(self, database: Ask) -> None:
        ask = database(
            *calls(
                ("2026-03-31", 500 * USD, {"team": "product", "app_id": "chat"}),
                ("2026-04-01", 60 * USD, {"team": "product", "app_id": "chat"}),
                ("2026-04-02", 40 * USD, {"team": "product"}),
            ),
            budgets=[TEAM_BUDGET, TEAM_BUDGET | {"app": "chat", "action": "warn"}],
        )
        team, app = ask("budgets")
        assert team == {
            "team": "product",
            "app": "",
            "monthly_limit": 1000,
            "action": "block",
            "spend": 100,
            "percent": 10,
            "remaining": 900,
            "projected_month_end": Decimal("1133.858267717"),
            "exhausted_on": "2026-04-27",
        }
        assert (app["app"], app["action"], app["spend"]) == ("chat", "warn", 60)

    @pytest.mark.parametrize(
        ("spent", "now", "projected", "exhausted_on"),
        [
            ({}, at("2026-04-16", "00:00"), 0, None),
            ({"2026-04-10": 400}, at("2026-04-16", "00:00"), 800, None),
            ({"2026-04-10": 500}, at("2026-04-16", "00:00"), 1000, None),
            ({"2026-04-10": 600}, at("2026-04-16", "00:00"), 1200, "2026-04-26"),
            ({"2026-04-03": 900, "2026-04-09": 100, "2026-04-10": 1}, at("2026-04-16", "00:00"), 2002, "2026-04-09"),
            ({"2026-04-01": 5}, at("2026-04-01", "00:00"), 5, None),
        ],
        ids=["unused", "lasts", "lasts exactly", "will run out", "has run out", "at the month's first moment"],
    )
    def test_where_it_is_heading(
        self, database: Ask, spent: dict[str, int], now: datetime, projected: int, exhausted_on: str | None
    ) -> None:
        lines = calls(*[(day, usd * USD, {"team": "product"}) for day, usd in spent.items()])
        [row] = database(*lines, budgets=[TEAM_BUDGET])("budgets", now=now)
        assert (row["projected_month_end"], row["exhausted_on"]) == (projected, exhausted_on)
        assert row["remaining"] == max(0, 1000 - sum(spent.values()))
