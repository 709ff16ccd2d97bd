"""Test GET /api/teams, features, infrastructure, cache and routing by example."""

from decimal import Decimal

import pytest

from modeltrack_api.queries import callers
from modeltrack_api.store.sums import Filters
from modeltrack_api.web.handler import ApiError
from tests.modeltrack_api.queries.asking import ALL_PRICED, USD, Database, between, calls, money


def test_teams_carry_infrastructure_costs_beside_their_spend(database: Database) -> None:
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
        "unpriced_requests_by_model": {},
        "unpriced_requests_by_app": {},
        "infra_cost": 7,
        "infra_unpriced_events": 0,
        **ALL_PRICED,
    }
    assert (data["team"], data["total_spend"], data["request_count"], data["infra_cost"]) == ("data", 0, 0, 9)


def test_a_features_primary_model_is_the_dearest_not_the_most_used(database: Database) -> None:
    cheap = [("2026-04-01", 1, {"feature": "f", "model": "cheap", "team": "a"})] * 3
    ask = database(*calls(*cheap, ("2026-04-01", USD, {"feature": "f", "model": "dear", "team": "b"})))
    [row] = ask("features")
    assert (row["primary_model"], row["primary_team"], row["request_count"]) == ("dear", "b", 4)


def test_users_and_keys_each_with_what_was_spent_most_on_and_by(database: Database) -> None:
    phone, laptop = ({"user": "ann", "key_id": key, "model": "m", "team": "a"} for key in ("phone", "laptop"))
    ask = database(
        *calls(
            *[("2026-04-01", 1, phone)] * 3,
            ("2026-04-01", USD, laptop | {"model": "dear"}),
            ("2026-04-02", 2 * USD, {"user": "Ann", "key_id": "shared", "team": "b"}),
            ("2026-04-02", 3 * USD, {"key_id": "shared", "team": "c"}),
        )
    )
    found = [(row["user"], row["request_count"], row["primary_key"], row["primary_model"]) for row in ask("users")]
    assert found == [("", 1, "shared", ""), ("Ann", 1, "shared", ""), ("ann", 4, "laptop", "dear")]
    keys = [(row["key_id"], row["total_cost"], row["primary_user"], row["primary_team"]) for row in ask("keys")]
    assert keys == [("shared", 5, "", "c"), ("laptop", 1, "ann", "a"), ("phone", Decimal("3e-9"), "ann", "a")]
    summary = ask("spend_summary", filters=Filters(key_id="shared"))
    assert (summary["by_user"], summary["by_key"]) == ({"": 3, "Ann": 2}, {"shared": 5})


def test_of_many_users_the_dearest_are_listed(database: Database) -> None:
    ask = database(*calls(*(("2026-04-01", n, {"user": f"user {n}"}) for n in range(1, 1004))))
    dearest = [f"user {n}" for n in range(1003, 3, -1)]
    assert [row["user"] for row in ask("users")] == list(ask("spend_summary")["by_user"]) == dearest


def test_an_unknown_feature_is_not_found_and_one_without_calls_in_the_range_is_empty(database: Database) -> None:
    ask = database(*calls(("2026-04-01", 1, {"feature": "f"})))
    with pytest.raises(ApiError, match="no calls of a feature 'g'") as caught:
        ask("feature", name="g")
    assert caught.value.status == 404
    found = ask("feature", between("2026-01-01", "2026-01-31"), name="f")
    assert found["cost_over_time"] == found["by_model"] == found["by_team"] == []
    assert set(found["avg_tokens"].values()) == {0}


def test_infrastructure_by_service_team_and_day_and_how_gpus_are_used(database: Database) -> None:
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
    machine = {"gpu_type": "A100", "team": "ml"}
    assert ask("infrastructure") == {
        "total_infra_cost": 8,
        "unpriced_events": 1,
        "by_service": [
            {"service": "GPU", "cost": 6, "events": 3, "unpriced_events": 1},
            {"service": "AmazonEC2", "cost": 2, "events": 1, "unpriced_events": 0},
        ],
        "by_team": [
            {"team": "ml", "cost": 6, "events": 3, "unpriced_events": 1},
            {"team": "web", "cost": 2, "events": 1, "unpriced_events": 0},
        ],
        "gpu_utilization": [
            {"resource_id": "i-1", "avg_utilization": Decimal("37.75"), "cost": 6, "unpriced_events": 0, **machine},
            {"resource_id": "i-2", "avg_utilization": None, "cost": None, "unpriced_events": 1, **machine},
        ],
        "daily_trend": [
            {"date": "2026-04-01", "cost": 3, "unpriced_events": 0},
            {"date": "2026-04-02", "cost": 5, "unpriced_events": 1},
        ],
    }


def test_streams_and_refusals_are_no_misses_of_the_cache(database: Database) -> None:
    hit = {"cache_hit": True, "saved_usd": money(2 * USD), "team": "t", "input_tokens": 9, "output_tokens": 1}
    ask = database(
        *calls(
            ("2026-04-01", 0, hit),
            ("2026-04-01", 1, {}),
            ("2026-04-01", 1, {}),
            ("2026-04-01", 1, {"is_streaming": True}),
            ("2026-04-01", 0, {"blocked_by": "budget"}),
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
        {"team": "t", "hits": 1, "misses": 0, "hit_rate_percent": 100, "hit_tokens": 10, **saved(2)},
        {"team": "", "hits": 0, "misses": 2, "hit_rate_percent": 0, "hit_tokens": 0, **saved(0)},
    ]


def saved(usd: int | None, unpriced: int = 0) -> dict[str, int | None]:
    return {"saved_usd": usd, "unpriced_requests": unpriced}


def test_what_a_hit_without_a_known_price_saved_is_not_known(database: Database) -> None:
    hit = {"cache_hit": True}
    ask = database(
        *calls(
            ("2026-04-01", 0, {"team": "a", **hit}),
            ("2026-04-01", 0, {"team": "b", **hit}),
            ("2026-04-01", 0, {"team": "b", "saved_usd": money(USD), **hit}),
        )
    )
    found = ask("cache")
    assert [
        (row["team"], row["saved_usd"], row["unpriced_requests"]) for row in (found | {"team": ""}, *found["by_team"])
    ] == [
        ("", 1, 2),
        ("b", 1, 1),
        ("a", None, 1),
    ]
    overview = ask("overview")
    assert (overview["saved_by_cache"], overview["unpriced_hits"]) == (1, 2)


def test_routing_by_rule_and_by_pair_of_models(database: Database) -> None:
    routed = {"routed_from": "opus", "routed_to": "haiku", "routing_rule": "thrift", "saved_usd": money(2 * USD)}
    refused = {"blocked_by": "rule", "routing_rule": "no-opus"}
    unknown = {"routed_from": "mine", "routed_to": "haiku", "routing_rule": "own"}
    ask = database(
        *calls(
            ("2026-04-01", 1, routed),
            ("2026-04-01", 1, routed),
            ("2026-04-01", 0, refused),
            ("2026-04-01", 1, unknown),
            ("2026-04-01", 1, {}),
        )
    )
    assert ask("routing") == {
        "routed": 3,
        "blocked": 1,
        **saved(4, 1),
        "by_rule": [
            {"rule": "thrift", "routed": 2, "blocked": 0, **saved(4)},
            {"rule": "no-opus", "routed": 0, "blocked": 1, **saved(0)},
            {"rule": "own", "routed": 1, "blocked": 0, **saved(None, 1)},
        ],
        "by_pair": [
            {"from": "opus", "to": "haiku", "count": 2, **saved(4)},
            {"from": "mine", "to": "haiku", "count": 1, **saved(None, 1)},
        ],
    }


def test_where_there_are_more_users_than_are_listed_the_rows_are_the_first_of_all(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = [("2026-04-01", n * USD, {"user": f"u{n}", "key_id": f"k{n % 2}", "model": f"m{n}"}) for n in (1, 2, 3)]
    ask = database(*calls(*users))
    listed = {name: ask(name) for name in ("users", "keys")}
    monkeypatch.setattr(callers, "MOST_CALLERS", 1)
    for name, rows in listed.items():
        assert len(rows) > 1 and ask(name) == rows[:1]
