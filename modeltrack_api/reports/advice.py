"""Works out what a report advises: texts for people, with their amounts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from addons.ledger.money import format_usd, to_nanos
from modeltrack_api.amounts import WORTH_IT, about, known, percent, usd
from modeltrack_api.prices.cheaper_models import ASSUMING, NOT_COMPARED, switches
from modeltrack_api.queries.common import priced, spent_nanos
from modeltrack_api.web.handler import Ask

_MOST_SWITCHES = 3
_MUCH_MORE, _MOST_OF_IT, _SOME = 10, 50, 1
"""Percent."""

_ENOUGH_CALLS = 100
"""With at least so many, a cache that answered none of them is worth a word."""


Sum = Mapping[str, Any]
"""One value of a label, or of several, with what the store measured for it."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Holds what was spent in a period, by label, dearest first, and in the period before it."""

    all: Sum
    teams: Sequence[Sum]
    models: Sequence[Sum]
    features: Sequence[Sum]
    models_of_providers: Sequence[Sum]
    before: Sum
    teams_before: Mapping[str, int]
    """Nano-USD."""


def actions(ask: Ask, sums: Sums) -> list[dict[str, Any]]:
    """Return changes whose effect on the period can be worked out."""
    return [
        {
            "type": "switch_model",
            "description": switch.advice,
            "estimated_savings": usd(switch.saved_nanos),
        }
        for switch in switches(ask, sums.models_of_providers)[:_MOST_SWITCHES]
        if switch.saved_nanos >= WORTH_IT
    ]


def recommendations(sums: Sums, possible: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield sentences on what to do or to look at; `possible` are the actions."""
    if not sums.all["requests"]:
        yield "There were no calls in this period."
        return
    if possible:
        saved = about(to_nanos(sum(action["estimated_savings"] for action in possible)))
        yield f"Change models as listed in the actions: {ASSUMING} it would have saved about {saved}; {NOT_COMPARED}."
    yield from _growth(sums)
    yield from _concentration(sums)
    yield from _nobodys(sums)
    yield from _left_out(sums)


def _growth(sums: Sums) -> Iterator[str]:
    spent, before = spent_nanos(sums.all) or 0, spent_nanos(sums.before) or 0
    more = percent(spent - before, before)
    if more < _MUCH_MORE or spent - before < WORTH_IT:
        return
    grown = {row["team"]: row["cost_nanos"] - sums.teams_before.get(row["team"], 0) for row in sums.teams}
    team = max(grown, key=lambda name: (grown[name], name))
    yield (
        f"Spend rose by {about(spent - before)} ({more:.0f}%) to {about(spent)}; most of it"
        f" with {f'team {_name(team)}' if team else 'calls of no team'}, {about(grown[team])} more:"
        " see what changed there."
    )


def _concentration(sums: Sums) -> Iterator[str]:
    spent = sums.all["cost_nanos"]
    for label, rows in (("model", sums.models), ("feature", sums.features)):
        top = rows[0]
        share = percent(top["cost_nanos"], spent)
        if len(rows) > 1 and top[label] and share >= _MOST_OF_IT:
            yield (
                f"The {label} {_name(top[label])} takes {about(top['cost_nanos'])}, {share:.0f}% of the"
                " spend: savings there count most."
            )


def _nobodys(sums: Sums) -> Iterator[str]:
    nobodys = next((row["cost_nanos"] for row in sums.teams if not row["team"]), 0)
    share = percent(nobodys, sums.all["cost_nanos"])
    if share >= _SOME:
        yield (
            f"{about(nobodys)} ({share:.0f}%) belongs to no team: send X-ModelTrack-Team with each"
            " call, or set MODELTRACK_DEFAULT_TEAM."
        )


def _left_out(sums: Sums) -> Iterator[str]:
    now = sums.all
    if now["unpriced"]:
        yield (
            f"{_calls(now['unpriced'])} of models without a known price, so not in any sum here: add them to"
            " data/pricing.json."
        )
    if now["unpriced_usage"]:
        yield (
            f"{_calls(now['unpriced_usage'])} billed for something without a known price, which no sum here has: see"
            " unpriced_usage in their events."
        )
    if now["blocked"]:
        yield f"{_calls(now['blocked'])} refused, by budgets or rules: see whether their limits are still right."
    if now["cache_hits"]:
        yield f"{_calls(now['cache_hits'])} answered by the cache, which saved {_saved(now)}."
    elif now["cache_misses"] >= _ENOUGH_CALLS:
        yield (
            f"The cache answered none of {now['cache_misses']:,} calls{_each(now)}: see CACHE_ENABLED and"
            " CACHE_TTL_SECONDS."
        )


def _saved(now: Sum) -> str:
    nanos = known(now["saved_by_cache"], now["unsaved_hits"])
    return "an amount that is not known" if nanos is None else about(nanos)


def _each(now: Sum) -> str:
    nanos = spent_nanos(now)
    return "" if nanos is None else f"; each that comes again costs about {format_usd(nanos // priced(now))}"


def _calls(number: int) -> str:
    return "1 call was" if number == 1 else f"{number:,} calls were"


def _name(text: str) -> str:
    return text if len(text) <= 80 else text[:79] + "…"
