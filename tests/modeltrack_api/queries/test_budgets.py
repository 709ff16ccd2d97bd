"""Test GET /api/budgets by example."""

from datetime import datetime
from decimal import Decimal

import pytest

from tests.modeltrack_api.queries.asking import ALL_PRICED, USD, Database, at, calls

TEAM_BUDGET = {"team": "product", "monthly_limit": 1000, "action": "block"}


class TestBudgets:
    def test_a_teams_budget_covers_all_its_apps_in_this_month(self, database: Database) -> None:
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
            **ALL_PRICED,
        }
        assert (app["app"], app["action"], app["spend"]) == ("chat", "warn", 60)

    def test_other_spellings_of_the_names_are_counted_with_the_budget(self, database: Database) -> None:
        ask = database(
            *calls(
                ("2026-04-01", 60 * USD, {"team": "Product", "app_id": "Chat"}),
                ("2026-04-02", 40 * USD, {"team": "pro\u200bduct", "app_id": "chat"}),
            ),
            budgets=[TEAM_BUDGET, TEAM_BUDGET | {"app": "chat"}],
        )
        assert [budget["spend"] for budget in ask("budgets")] == [100, 100]

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
        self, database: Database, spent: dict[str, int], now: datetime, projected: int, exhausted_on: str | None
    ) -> None:
        lines = calls(*[(day, usd * USD, {"team": "product"}) for day, usd in spent.items()])
        [row] = database(*lines, budgets=[TEAM_BUDGET])("budgets", now=now)
        assert (row["projected_month_end"], row["exhausted_on"]) == (projected, exhausted_on)
        assert row["remaining"] == max(0, 1000 - sum(spent.values()))
