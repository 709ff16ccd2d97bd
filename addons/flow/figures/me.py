"""Tell the holder of a key who it is, what it may call, and what its budgets have left."""

from datetime import datetime
from typing import Any

from addons.callers.attribution import Attribution
from addons.callers.keys import Key
from addons.core import Core
from addons.flow.replies import usd
from addons.ledger.budgets import Standing
from addons.ledger.windows import Window, window_of


def about(core: Core, key: Key, who: Attribution) -> dict[str, Any]:
    """Return what /modeltrack/me answers. The budgets are those that a call with these labels must keep."""
    window = window_of(core.now())
    return {
        "key_id": key.id,
        "team": who.team,
        "app": who.app,
        "user": who.user,
        "feature": who.feature,
        "customer_tier": who.customer_tier,
        "models": key.models,
        "providers": key.providers,
        "expires": key.expires or None,
        "budgets": [_budget(standing, window) for standing in core.ledger.standings(who.team, who.app)],
    }


def _budget(standing: Standing, window: Window) -> dict[str, Any]:
    budget = standing.budget
    return {
        "team": budget.team,
        "app": budget.app,
        "action": budget.action,
        "limit_usd": usd(budget.limit_nanos),
        "spend_usd": usd(standing.spent),
        "reserved_usd": usd(standing.reserved),
        "left_usd": usd(max(0, budget.limit_nanos - standing.spent)),
        "percent": round(standing.exact_percent, 2),
        "window_start": _time(window.start),
        "starts_anew": _time(window.starts_anew),
    }


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
