import json
from typing import Any

import pytest

from addons.ledger.budgets import BudgetsFile, Standing
from addons.ledger.validation import parse_model

TEAM = {"team": "t", "app": "", "monthly_limit": 500.00, "action": "block"}
APP = {"team": "t", "app": "a", "monthly_limit": 200, "action": "warn"}


def parse(*budgets: Any) -> BudgetsFile:
    return parse_model(BudgetsFile, json.dumps({"budgets": budgets}).encode())


def test_a_request_is_covered_by_its_teams_budget_and_its_apps() -> None:
    file = parse(TEAM, APP)
    assert [b.app for b in file.covering("t", "a")] == ["", "a"]
    assert [b.app for b in file.covering("t", "b")] == [""]
    assert [b.app for b in file.covering("t", "")] == [""]
    assert file.covering("other", "a") == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"monthly_limit": 0}, "budgets.1.monthly_limit: must be greater than 0"),
        ({"monthly_limit": 1e-10}, "budgets.1.monthly_limit: must be at least 0.000000001"),
        ({"monthly_limit": -5}, "budgets.1.monthly_limit: must be greater than 0"),
        ({"monthly_limit": "5"}, "budgets.1.monthly_limit: must be a number"),
        ({"monthly_limit": True}, "budgets.1.monthly_limit: must be a number"),
        ({"monthly_limit": None}, "budgets.1.monthly_limit: must be a number"),
        ({"action": "deny"}, "budgets.1.action: must be 'block' or 'warn'"),
        ({"team": ""}, "budgets.1.team: "),
        ({"team": 5}, "budgets.1.team: must be a valid string"),
        ({"limit": 5}, "budgets.1.limit: unknown key"),
        ({"app": "a\nb"}, "budgets.1.app: "),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused_by_its_place(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        parse(TEAM, APP | change)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("missing", ["team", "monthly_limit", "action"])
def test_a_field_that_is_missing_is_named(missing: str) -> None:
    with pytest.raises(ValueError, match=rf"^budgets\.0\.{missing}: is required"):
        parse({name: value for name, value in TEAM.items() if name != missing})


def test_two_budgets_for_the_same_are_refused() -> None:
    with pytest.raises(ValueError, match="two budgets are for team 't' and app ''"):
        parse(TEAM, TEAM)


@pytest.mark.parametrize("name", ["T", "\uff54", "t\u200b", " t "], ids=ascii)
def test_another_spelling_of_a_team_or_app_is_the_same_one(name: str) -> None:
    assert [b.app for b in parse(TEAM, APP).covering(name, "A")] == ["", "a"]
    with pytest.raises(ValueError, match="two budgets are for team "):
        parse(TEAM, TEAM | {"team": name})


def test_a_name_of_which_nothing_can_be_seen_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^budgets\.0\.team: must have a character that can be seen"):
        parse(TEAM | {"team": "\u200b"})


def standing(spent: int) -> Standing:
    return Standing(parse(TEAM).budgets[0], spent, 0)


@pytest.mark.parametrize(
    ("spent", "percent", "exceeded"),
    [(0, 0, False), (499_999_999_999, 99, False), (500_000_000_000, 100, True), (750_000_000_000, 150, True)],
)
def test_the_percentage_is_rounded_down(spent: int, percent: int, exceeded: bool) -> None:
    assert (standing(spent).percent, standing(spent).is_exceeded) == (percent, exceeded)


def test_the_messages_name_the_team_the_budget_and_what_is_spent() -> None:
    message = "Team 't' has exceeded monthly budget of $500.00 (current: $512.34)"
    assert standing(512_340_000_000).exceeded_message() == message
    assert standing(435_000_000_000).warning() == "Team 't' at 87% of monthly budget ($435.00/$500.00)"
