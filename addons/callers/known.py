"""Know the teams and apps that the operator has named, and how he spells them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from addons.callers.attribution import Attribution
from addons.callers.keys import KeysFile
from addons.ledger.budgets import BudgetsFile
from addons.ledger.names import compared


@dataclass(frozen=True, slots=True)
class Known:
    teams: Mapping[str, str]
    """The spelling of each team, by the form in which names are compared."""
    apps: Mapping[tuple[str, str], str]
    """The spelling of each app that has a budget or a key, by team and app in that form."""

    def has(self, team: str) -> bool:
        return compared(team) in self.teams

    def spelled(self, who: Attribution) -> Attribution:
        """Return who a call is for, with known names as the operator spells them."""
        team = compared(who.team)
        known_team, known_app = self.teams.get(team, who.team), self.apps.get((team, compared(who.app)), who.app)
        return who if (known_team, known_app) == (who.team, who.app) else replace(who, team=known_team, app=known_app)


def known(budgets: BudgetsFile, keys: KeysFile, teams: Iterable[str]) -> Known:
    """Return what budgets.json, keys.json and the setting TEAMS name; the first spelling counts."""
    by_name: dict[str, str] = {}
    apps: dict[tuple[str, str], str] = {}
    for budget in budgets.budgets:
        by_name.setdefault(compared(budget.team), budget.team)
        if budget.app:
            apps.setdefault(budget.account, budget.app)
    for key in keys.keys:
        by_name.setdefault(compared(key.team), key.team)
        if key.app:
            apps.setdefault((compared(key.team), compared(key.app)), key.app)
    for team in teams:
        by_name.setdefault(compared(team), team)
    return Known(by_name, apps)


NOBODY = Known({}, {})
