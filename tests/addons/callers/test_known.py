from addons.callers.attribution import Attribution
from addons.callers.keys import KeysFile
from addons.callers.known import NOBODY, known
from addons.ledger.budgets import BudgetsFile

BUDGETS = BudgetsFile.model_validate(
    {
        "budgets": [
            {"team": "Product", "monthly_limit": 5, "action": "block"},
            {"team": "product", "app": "ChatBot", "monthly_limit": 5, "action": "block"},
        ]
    }
)
KNOWN = known(BUDGETS, KeysFile(), ("Research", "PRODUCT"))


def test_a_known_name_is_spelled_as_the_file_spells_it_first() -> None:
    who = Attribution(team="pro\u200bduct", app="chatbot", feature="F")
    assert KNOWN.spelled(who) == Attribution(team="Product", app="ChatBot", feature="F")


def test_what_is_not_known_stays_as_it_came() -> None:
    assert KNOWN.spelled(Attribution(team="Other", app="chatbot")) == Attribution(team="Other", app="chatbot")
    assert KNOWN.spelled(Attribution(team="RESEARCH", app="X")) == Attribution(team="Research", app="X")
    assert NOBODY.spelled(Attribution(team="Product")) == Attribution(team="Product")


def test_teams_of_budgets_and_of_the_setting_are_known() -> None:
    assert [KNOWN.has(team) for team in ("product", "RE\u00adSEARCH", "other", "")] == [True, True, False, False]
