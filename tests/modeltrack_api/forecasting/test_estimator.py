"""GET /api/estimator/models and POST /api/estimator/calculate."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addons.llm.prices.pricing_file import PricingFile
from modeltrack_api.web.handler import ApiError
from tests.modeltrack_api.queries.asking import ALL_PRICED, NOW, USD, Asking, Database, line

PLAN = {"model": "claude-sonnet-4-6", "avg_input_tokens": 1000, "avg_output_tokens": 200, "requests_per_day": 50}
"""0.006 USD each, at 3 and 15 USD a million."""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Any:
    ask = Asking(tmp_path_factory.mktemp("data"))
    yield ask
    ask.close()


def calculated(ask: Asking, **changed: Any) -> Any:
    return ask("estimator_calculate", body=PLAN | changed)


def test_models_are_listed_in_usd_per_million_tokens(empty: Asking) -> None:
    found = empty("estimator_models")
    assert {
        "provider": "anthropic",
        "model": "claude-sonnet-4-6",
        "input_per_mtok": 3,
        "output_per_mtok": 15,
    } in found
    assert {row["provider"] for row in found} == {"anthropic", "openai", "bedrock", "azure"}
    names = [(row["provider"], row["model"]) for row in found]
    assert len(names) == len(set(names))


def test_every_model_listed_can_be_estimated_and_costs_what_the_list_says(empty: Asking) -> None:
    for row in empty("estimator_models")[::7]:
        named = {"model": row["model"], "provider": row["provider"]}
        each = calculated(empty, **named)["estimate"]["cost_per_request"]
        expected = (1000 * row["input_per_mtok"] + 200 * row["output_per_mtok"]) / 10**6
        assert each == round(Decimal(expected), 9), row


def test_what_calls_cost(empty: Asking) -> None:
    found = calculated(empty)["estimate"]
    assert found == {
        "cost_per_request": Decimal("0.006"),
        "daily_cost": Decimal("0.3"),
        "weekly_cost": Decimal("2.1"),
        "monthly_cost": 9,
        "quarterly_cost": 27,
        "annual_cost": Decimal("109.5"),
    }


@pytest.mark.parametrize(
    ("given_rate", "rate"), [({}, "0.3"), ({"cache_hit_rate": 0.25}, "0.25"), ({"cache_hit_rate": 1}, 1)]
)
def test_hits_of_the_cache_cost_nothing(empty: Asking, given_rate: dict[str, Any], rate: Any) -> None:
    rate = Decimal(rate)
    assert calculated(empty, **given_rate)["with_caching"] == {
        "cost_per_request": Decimal("0.006") * (1 - rate),
        "daily_cost": Decimal("0.3") * (1 - rate),
        "monthly_cost": 9 * (1 - rate),
        "savings_vs_no_cache": 9 * rate,
        "savings_pct": 100 * rate,
        "cache_hit_rate": rate,
    }


def test_nothing_costs_nothing(empty: Asking) -> None:
    found = calculated(empty, requests_per_day=0)
    assert set(found["estimate"].values()) == {Decimal("0.006"), 0}
    assert (found["with_caching"]["savings_vs_no_cache"], found["with_caching"]["savings_pct"]) == (0, 0)
    assert calculated(empty, avg_input_tokens=0, avg_output_tokens=0)["estimate"]["annual_cost"] == 0


def test_long_calls_cost_what_long_calls_cost(empty: Asking) -> None:
    """claude-sonnet-4-5: 6 USD a million of input above 200 000 tokens, for all of the call."""
    found = calculated(empty, model="claude-sonnet-4-5", avg_input_tokens=300_000, avg_output_tokens=0)
    assert found["estimate"]["cost_per_request"] == Decimal("1.8")


class TestComparison:
    def test_cheapest_first_with_what_each_would_save_in_a_month(self, empty: Asking) -> None:
        found = calculated(empty)["model_comparison"]
        assert 8 <= len(found) <= 25
        costs = [row["cost_per_request"] for row in found]
        assert costs == sorted(costs)
        for row in found:
            assert row["monthly_cost"] == row["cost_per_request"] * 50 * 30
            assert row["savings_vs_selected"] == 9 - row["monthly_cost"]
            assert row["is_selected"] == (row["model"] == "claude-sonnet-4-6")
        by_model = {row["model"]: row for row in found}
        assert by_model["claude-haiku-4-5"]["savings_vs_selected"] == 6
        assert by_model["claude-opus-4-6"]["savings_vs_selected"] == -6
        assert {"gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5"} <= by_model.keys()
        assert len({(row["provider"], row["model"]) for row in found}) == len(found)

    def test_models_in_use_are_compared(self, database: Database) -> None:
        used = {"provider": "bedrock", "model": "us.amazon.nova-pro-v1:0"}
        unpriced = {"provider": "azure", "model": "mine"}
        ask = database(line(NOW, 1, USD, **used), line(NOW, 2, None, **unpriced))
        models = {row["model"] for row in calculated(ask)["model_comparison"]}
        assert "us.amazon.nova-pro-v1:0" in models
        assert "mine" not in models

    def test_models_that_cannot_take_as_many_tokens_are_not(self, empty: Asking) -> None:
        found = calculated(empty, avg_input_tokens=500_000)["model_comparison"]
        models = {row["model"] for row in found}
        assert "claude-sonnet-4-6" in models
        assert models.isdisjoint({"claude-haiku-4-5", "gpt-4o", "gpt-4o-mini"})

    def test_a_model_of_ones_own(self, database: Database) -> None:
        ask = database()
        own = {"provider": "azure", "model": "mine", "input": 1, "output": 2}
        ask.app.pricing.value = PricingFile.model_validate({"models": [own]})
        ask.app.prices.override(ask.app.pricing.value)
        found = calculated(ask, model="mine")
        assert found["estimate"]["cost_per_request"] == Decimal("0.0014")
        [selected] = [row for row in found["model_comparison"] if row["is_selected"]]
        assert (selected["provider"], selected["model"]) == ("azure", "mine")


class TestProvider:
    @pytest.mark.parametrize(
        ("model", "provider"),
        [
            ("gpt-4o", "openai"),
            ("claude-haiku-4-5-20251001", "anthropic"),
            ("us.anthropic.claude-sonnet-4-6", "bedrock"),
            ("phi-4", "azure"),
        ],
    )
    def test_is_found_by_the_model(self, empty: Asking, model: str, provider: str) -> None:
        [selected] = [row for row in calculated(empty, model=model)["model_comparison"] if row["is_selected"]]
        assert (selected["model"], selected["provider"]) == (model, provider)

    def test_may_be_named(self, empty: Asking) -> None:
        found = calculated(empty, model="gpt-4o", provider="azure")["model_comparison"]
        assert {row["provider"] for row in found if row["is_selected"]} == {"azure"}


class TestSimilarFeatures:
    def calls(self, feature: str, tokens: tuple[int, int], count: int, first: int, **members: Any) -> list[bytes]:
        members = {"input_tokens": tokens[0], "output_tokens": tokens[1], "feature": feature} | members
        return [line(NOW - timedelta(days=n), first + n, USD, **members) for n in range(count)]

    def test_have_calls_of_about_as_many_tokens_nearest_first(self, database: Database) -> None:
        ask = database(
            *self.calls("far", (4000, 200), 2, 100),
            *self.calls("near", (1500, 300), 3, 200),
            *self.calls("nearest", (1000, 190), 4, 300),
            *self.calls("", (1000, 200), 5, 400),
            line(NOW, 500, 0, feature="nearest", blocked_by="budget"),
        )
        nearest = {"avg_cost_per_request": Decimal("0.8"), "monthly_cost": 4, "request_count": 5}
        near = {"avg_cost_per_request": 1, "monthly_cost": 3, "request_count": 3}
        assert calculated(ask)["similar_features"] == [
            {"feature": "nearest", **nearest, **ALL_PRICED},
            {"feature": "near", **near, **ALL_PRICED},
        ]

    def test_may_have_calls_without_a_known_price_and_cached_input(self, database: Database) -> None:
        ask = database(
            line(NOW, 1, None, feature="new", input_tokens=1000, output_tokens=200),
            line(NOW, 2, USD, feature="cached", cache_read_tokens=990, input_tokens=10, output_tokens=200),
            line(NOW, 3, 0, feature="cached", input_tokens=9, output_tokens=2, cache_hit=True),
        )
        cached, new = calculated(ask)["similar_features"]
        assert (new["avg_cost_per_request"], new["monthly_cost"], new["unpriced_requests"]) == (None, None, 1)
        assert (cached["feature"], cached["avg_cost_per_request"]) == ("cached", Decimal("0.5"))

    def test_are_of_the_last_30_days_and_at_most_five(self, database: Database) -> None:
        ask = database(
            *self.calls("long", (1000, 200), 40, 1000),
            *(line for n in range(9) for line in self.calls(f"f{n}", (1100, 200), 1, 2000 + n)),
        )
        found = calculated(ask)["similar_features"]
        assert [row["feature"] for row in found] == ["long", "f0", "f1", "f2", "f3"]
        assert found[0]["request_count"] == 30

    def test_there_are_none_where_only_refused_calls_were(self, database: Database) -> None:
        ask = database(line(NOW, 1, 0, feature="x", blocked_by="rule"))
        assert calculated(ask, avg_input_tokens=0, avg_output_tokens=0)["similar_features"] == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model": "no-such-model"}, "model: 'no-such-model' has no known price"),
        ({"model": ""}, "model: "),
        ({"model": None}, "model: "),
        ({"model": "x" * 300}, "model: "),
        ({"provider": "nobody"}, "provider: must be one of anthropic, openai, bedrock, azure"),
        ({"provider": "openai"}, "model: 'claude-sonnet-4-6' has no known price"),
        ({"avg_input_tokens": -1}, "avg_input_tokens: "),
        ({"avg_input_tokens": 1.5}, "avg_input_tokens: "),
        ({"avg_input_tokens": "10"}, "avg_input_tokens: "),
        ({"avg_input_tokens": True}, "avg_input_tokens: "),
        ({"avg_output_tokens": 10**9}, "avg_output_tokens: "),
        ({"requests_per_day": -0.5}, "requests_per_day: "),
        ({"requests_per_day": "many"}, "requests_per_day: "),
        ({"requests_per_day": 10**12}, "requests_per_day: "),
        ({"cache_hit_rate": 1.01}, "cache_hit_rate: "),
        ({"cache_hit_rate": -0.1}, "cache_hit_rate: "),
        ({"cache_hit_rate": None}, "cache_hit_rate: "),
        ({"cache_hitrate": 0.5}, "cache_hitrate: unknown key"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_body_is_answered_by_naming_the_field(empty: Asking, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ApiError, match="^" + re.escape(message)) as caught:
        calculated(empty, **changed)
    assert caught.value.status == 400


@pytest.mark.parametrize("name", ["model", "avg_input_tokens", "avg_output_tokens", "requests_per_day"])
def test_a_field_that_is_missing_is_named(empty: Asking, name: str) -> None:
    with pytest.raises(ApiError, match=f"^{name}: is required"):
        empty("estimator_calculate", body={key: value for key, value in PLAN.items() if key != name})


@pytest.mark.parametrize("body", [None, [], "x", 5, [PLAN]])
def test_a_body_that_is_no_object(empty: Asking, body: Any) -> None:
    with pytest.raises(ApiError, match="object"):
        empty("estimator_calculate", body=body)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["gpt-4o", "gpt-5-nano", "claude-opus-4-6"]),
    st.integers(0, 10**6),
    st.integers(0, 10**5),
    st.floats(0, 10**6),
    st.floats(0, 1),
)
def test_the_parts_agree(
    empty: Asking, model: str, tokens_in: int, tokens_out: int, per_day: float, rate: float
) -> None:
    found = calculated(
        empty,
        model=model,
        avg_input_tokens=tokens_in,
        avg_output_tokens=tokens_out,
        requests_per_day=per_day,
        cache_hit_rate=rate,
    )
    estimate, cached = found["estimate"], found["with_caching"]
    assert estimate["daily_cost"] * 30 == pytest.approx(estimate["monthly_cost"])
    assert estimate["cost_per_request"] * Decimal(per_day) == pytest.approx(estimate["daily_cost"])
    assert cached["monthly_cost"] + cached["savings_vs_no_cache"] == pytest.approx(estimate["monthly_cost"])
    [selected] = [row for row in found["model_comparison"] if row["is_selected"]]
    assert (selected["cost_per_request"], selected["savings_vs_selected"]) == (estimate["cost_per_request"], 0)
