"""Test GET /api/prompts and prompts/summary by example."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.modeltrack_api.queries.asking import ALL_PRICED, NOW, USD, Database, at, calls, line

PROMPT = {"provider": "anthropic", "prompt_hash": "aaaaaaaa"}
LONG_PROMPT = PROMPT | {
    "model": "claude-haiku-4-5",  # no comparable one is cheaper
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

        1,440,000 system tokens cost $1.44 at $1 a million. From the cache, 910,254 tokens at $0.10 and 529,746 at
        $1.25, which is what writing them costs, would have been $0.7532079.
        """
        ask = database(*spread(288, 5_250_000, LONG_PROMPT))
        [row] = ask("prompts")
        assert row["potential_savings"] == Decimal("0.6867921")
        assert row["optimization_suggestions"] == [
            "Let anthropic cache the system prompt (about 5000 tokens, 288 calls of claude-haiku-4-5):"
            ' would have saved about $0.69. Mark its end with "cache_control": {"type": "ephemeral"}.'
        ]
        assert ask("prompts_summary")["potential_savings"] == Decimal("0.6867921")

    @pytest.mark.parametrize(
        ("why", "count", "changed"),
        [
            ("it is in the cache already", 288, {"input_tokens": 200, "cache_read_tokens": 5000}),
            ("it is too short to be cached", 288, {"system_prompt_tokens": 1000}),
            ("it is used so seldom that writing it costs more than reading it saves", 20, {}),
            ("the model has no price today", 288, {"model": "mine"}),
            ("the provider is not known", 288, {"provider": "elsewhere"}),
        ],
    )
    def test_nothing_is_suggested_where(
        self, database: Database, why: str, count: int, changed: dict[str, Any]
    ) -> None:
        [row] = database(*spread(count, 5_250_000, LONG_PROMPT | changed))("prompts")
        assert (row["optimization_suggestions"], row["potential_savings"]) == ([], 0), why

    def test_the_cheapest_comparable_model_of_the_provider_is_worth_a_try(self, database: Database) -> None:
        """Opus at $5 and $25 a million, Haiku at $1 and $5: 100 calls of 1000 and 1000 tokens are $3.00 and $0.60."""
        opus = PROMPT | {"model": "claude-opus-4-6", "input_tokens": 1000, "output_tokens": 1000}
        [row] = database(*spread(100, 30_000_000, opus))("prompts")
        assert row["optimization_suggestions"] == [
            "Try claude-haiku-4-5 in place of claude-opus-4-6 (anthropic): at today's mix of tokens it would have saved"
            " about $2.40 of $3.00; quality was not compared."
        ]
        assert row["potential_savings"] == Decimal("2.4")

    def test_an_embedding_model_that_is_in_use_is_not_suggested_for_one_that_chats(self, database: Database) -> None:
        chat = PROMPT | {"provider": "openai", "model": "gpt-4o", "input_tokens": 1000, "output_tokens": 1000}
        embedding = {"provider": "openai", "model": "text-embedding-3-small", "input_tokens": 1000}
        [row] = database(*spread(100, 12_500_000, chat), line(NOW, 100, 20_000, **embedding))("prompts")
        [suggested] = row["optimization_suggestions"]
        assert suggested.startswith("Try gpt-4.1-nano in place of gpt-4o (openai): ")

    def test_the_most_cacheable_is_the_one_that_repeats_most_not_the_longest(self, database: Database) -> None:
        once = {"prompt_hash": "aaaaaaaa", "system_prompt_tokens": 9000}
        often = ("2026-04-01", 1, {"prompt_hash": "bbbbbbbb", "system_prompt_tokens": 1000})
        found = database(*calls(("2026-04-01", 9, once), often, often, often))("prompts_summary")
        assert found["longest_system_prompt"] == {"id": "aaaaaaaa", "avg_system_tokens": 9000}
        assert found["most_expensive_prompt"] == {"id": "aaaaaaaa", "total_cost": Decimal("9e-9"), **ALL_PRICED}
        assert found["most_cacheable"] == {"id": "bbbbbbbb", "request_count": 3}

    def test_of_nothing(self, database: Database) -> None:
        assert database()("prompts_summary") == {
            "total_unique_prompts": 0,
            "most_expensive_prompt": None,
            "longest_system_prompt": None,
            "most_cacheable": None,
            "potential_savings": 0,
            **ALL_PRICED,
        }
