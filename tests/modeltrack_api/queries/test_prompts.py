"""Test GET /api/prompts and prompts/summary by example."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.modeltrack_api.queries.asking import NOW, USD, Database, at, calls, line

PROMPT = {"provider": "anthropic", "prompt_hash": "aaaaaaaa"}
LONG_PROMPT = PROMPT | {
    "model": "claude-sonnet-4-6",
    "system_prompt_tokens": 5000,
    "input_tokens": 5200,
    "output_tokens": 10,
}


def spread(count: int, nanos: int, members: dict[str, Any]) -> list[bytes]:
    """Return lines of calls that are spread evenly over a day."""
    start = at("2026-04-01", "00:00")
    return [line(start + timedelta(days=1) * n / count, n, nanos, **members) for n in range(count)]


class TestPrompts:
    def test_are_known_by_their_template_or_else_by_their_hash(self, database: Database) -> None:
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

    def test_a_long_system_prompt_used_often_is_worth_the_providers_cache(self, database: Database) -> None:
        """288 calls a day are one every 5 minutes: 1 - 1/e of them come within 5 minutes of another (Poisson).

        1,440,000 system tokens cost $4.32 at $3 a million. With the cache, 910,254 tokens at $0.30 (reads) and 529,746
        at $3.75 (writes) would have cost $2.2596237.
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
    def test_nothing_is_suggested_where(
        self, database: Database, why: str, count: int, changed: dict[str, Any]
    ) -> None:
        [row] = database(*spread(count, 15_750_000, LONG_PROMPT | changed))("prompts")
        assert (row["optimization_suggestions"], row["potential_savings"]) == ([], 0), why

    def test_the_next_cheaper_model_of_the_provider_that_is_in_use_is_worth_a_try(self, database: Database) -> None:
        """Opus costs $5 and $25 a million, Sonnet $3 and $15: 100 calls of 1000 and 1000 tokens are $3.00 and $1.80."""
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

    def test_the_most_cacheable_is_the_one_that_repeats_most_not_the_longest(self, database: Database) -> None:
        once = {"prompt_hash": "aaaaaaaa", "system_prompt_tokens": 9000}
        often = ("2026-04-01", 1, {"prompt_hash": "bbbbbbbb", "system_prompt_tokens": 1000})
        found = database(*calls(("2026-04-01", 9, once), often, often, often))("prompts_summary")
        assert found["longest_system_prompt"] == {"id": "aaaaaaaa", "avg_system_tokens": 9000}
        assert found["most_expensive_prompt"] == {"id": "aaaaaaaa", "total_cost": Decimal("9e-9")}
        assert found["most_cacheable"] == {"id": "bbbbbbbb", "request_count": 3}

    def test_of_nothing(self, database: Database) -> None:
        assert database()("prompts_summary") == {
            "total_unique_prompts": 0,
            "most_expensive_prompt": None,
            "longest_system_prompt": None,
            "most_cacheable": None,
            "potential_savings": 0,
        }
