"""Plan the run: which calls are made, how the provider answers each, and when its client leaves.

The plan follows from the seed alone, each case from the seed and its number: one case can be made again by itself.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

from tests.e2e.books.drafts import ARRIVAL, PACE, Case, Draft, Stage, draw
from tests.e2e.books.features import Feature
from tests.e2e.books.formats import Format
from tests.e2e.conftest import KEY

TEAMS = ("", "product", "research")
SPENT, THRIFTY = "spent", "thrifty"
_TAIL = 0.5
_WAIT = 0.5
"""The seconds before an answer for which a client does not wait."""
_PATIENCE = 0.3
"""The longest that such a client waits. The proxy may still be connecting to the provider when it leaves."""


def _stages(draft: Draft) -> list[Stage]:
    """Return the stages at which the client of such a call may leave."""
    feature, form = draft.feature, draft.form
    if not feature.leaves:
        return []
    if not draft.stream:
        return ["half-closes", "in the request", "before the head", "after the head"]
    middle: list[Stage] = ["in mid stream"] * 4
    cut: list[Stage] = ["before the head", "after the head", *middle]
    end: list[Stage] = [] if "gzip" in draft.settings else ["at the end", "at the end"]  # nobody sees a packed end
    return ["half-closes", "in the request", *end, *(cut if feature.may_be_cut(form) else [])]


def _single(rng: Random, number: int, marker: str) -> Case:
    """Plan one call, whose client reads all or leaves."""
    draft = draw(rng)
    stages = _stages(draft)
    stage: Stage = rng.choice(stages) if stages and rng.random() < 0.6 else "stays"
    told: dict[str, Any] = {}
    leaves_after = 0.0
    if stage == "before the head":
        told, leaves_after = {"delay": _WAIT}, rng.uniform(0.02, _PATIENCE)
    elif stage == "at the end":
        told = {"tail": _TAIL}
    elif stage == "in mid stream":
        leaves_after = rng.uniform(0.15, 0.85) * draft.settings["output_tokens"] / PACE
    call = draft.call(marker, marker, team=rng.choice(TEAMS), **told)
    # On a busy machine the proxy may see the end of a client's side only after the stream has begun, and hangs up then.
    is_cut = draft.stream and stage in ("before the head", "after the head", "in mid stream", "half-closes")
    how = "streamed" if draft.stream else "whole"
    return Case(
        number,
        f"{draft.form.name}, {how}, {draft.feature.name}, {stage}",
        marker,
        (replace(call, stage=stage, leaves_after=leaves_after),),
        may_be_estimated=is_cut or draft.feature.estimated,
        may_vanish=stage == "before the head" and leaves_after < ARRIVAL,
    )


def _plain(form: Format, feature: Feature, stream: bool) -> bool:
    return feature.name in ("plain", "tool", "cache read")


def _is_whole(form: Format, feature: Feature, stream: bool) -> bool:
    return _plain(form, feature, stream) and not stream


def _refused(rng: Random, number: int, marker: str) -> Case:
    """Plan a call with a wrong credential, whose client may leave before it is told so."""
    draft = draw(rng, _plain)
    leaves = rng.random() < 0.5
    call = draft.call(marker, marker, key=f"{KEY}-wrong", team=rng.choice(TEAMS), delay=_WAIT if leaves else 0)
    stage: Stage = "before the head" if leaves else "stays"
    kind = f"{draft.form.name}, wrong credential, {stage}"
    return Case(number, kind, marker, (replace(call, stage=stage, leaves_after=_PATIENCE),), accepted=0)


def _failing(rng: Random, number: int, marker: str) -> Case:
    """Plan a call that fails, and is made again."""
    draft = draw(rng, _plain)
    status = rng.choice([429, 500, 503, 529])
    calls = (draft.call(f"{marker}-1", marker, status=status), draft.call(f"{marker}-2", marker))
    return Case(number, f"{draft.form.name}, again after a {status}", marker, calls, accepted=1)


def _cached(rng: Random, number: int, marker: str) -> Case:
    """Plan identical calls, one after the other or at the same time."""
    draft, together = draw(rng, _is_whole), rng.random() < 0.5
    delay = 0.3 if together else 0
    calls = tuple(draft.call(f"{marker}-{n}", marker, delay=delay) for n in range(rng.randint(2, 4)))
    kind = f"{draft.form.name}, identical, {'together' if together else 'in turn'}"
    return Case(number, kind, marker, calls, together, accepted=1)


def _impatient(rng: Random, number: int, marker: str) -> Case:
    """Plan a call whose client gives up and asks again, twice, before the provider answers."""
    draft = draw(rng, _is_whole)
    calls = [draft.call(f"{marker}-{n}", marker, delay=1.0) for n in range(3)]
    gives_up = [replace(call, stage="before the head", leaves_after=0.3) for call in calls[:2]]
    return Case(number, f"{draft.form.name}, asks again", marker, (*gives_up, calls[2]), accepted=1)


def _over_budget(rng: Random, number: int, marker: str) -> Case:
    draft = draw(rng, _plain)
    return Case(number, f"{draft.form.name}, budget spent", marker, (draft.call(marker, marker, team=SPENT),))


def _downgraded(rng: Random, number: int, marker: str) -> Case:
    def fits(form: Format, feature: Feature, stream: bool) -> bool:
        return feature.name == "plain" and form.name in ("messages", "chat")

    draft = draw(rng, fits)
    draft = replace(draft, model={"messages": "claude-opus-4-6", "chat": "gpt-4o"}[draft.form.name])
    return Case(
        number, f"{draft.form.name}, downgraded", marker, (draft.call(marker, marker, team=THRIFTY),), accepted=1
    )


def _on_a_socket(rng: Random, number: int, marker: str) -> Case:
    """Plan the calls of a WebSocket, of which the first may be a prewarm, as Codex makes it."""

    def fits(form: Format, feature: Feature, stream: bool) -> bool:
        return form.name == "responses" and not stream and feature.leaves and not feature.packs

    draft = draw(rng, fits)
    prewarms = rng.random() < 0.3
    calls = []
    for n in range(rng.randint(1, 4)):
        call = draft.call(marker, marker)
        body = {"type": "response.create", **json.loads(call.body)}
        body |= {"generate": False} if prewarms and not n else {}
        calls.append(replace(call, body=json.dumps(body).encode()))
    kind = f"on a socket, {draft.feature.name}"
    return Case(number, kind, marker, tuple(calls), on_a_socket=True, accepted=len(calls))


_SCENARIOS = (
    (_single, 80),
    (_refused, 4),
    (_failing, 3),
    (_cached, 5),
    (_impatient, 3),
    (_over_budget, 2),
    (_downgraded, 3),
    (_on_a_socket, 3),
)


def case(seed: int, number: int) -> Case:
    rng = Random(f"{seed}/{number}")
    make = rng.choices([make for make, _ in _SCENARIOS], [weight for _, weight in _SCENARIOS])[0]
    return make(rng, number, f"m{number}")


def plan(seed: int, calls: int) -> Iterator[Case]:
    """Yield cases until they have so many calls."""
    number = 0
    while calls > 0:
        planned = case(seed, number)
        yield planned
        number, calls = number + 1, calls - len(planned.calls)


BUDGETS = {
    "budgets": [
        {"team": "product", "monthly_limit": 10**9, "action": "block"},
        {"team": SPENT, "monthly_limit": 0.000001, "action": "block"},
        {"team": THRIFTY, "monthly_limit": 0.000001, "action": "warn"},
    ]
}
RULES = {
    "rules": [
        {
            "name": f"cheaper {cheaper}",
            "trigger": "budget_percent_above",
            "threshold": 50,
            "from_models": [dear],
            "to_model": cheaper,
            "provider": provider,
        }
        for dear, cheaper, provider in (
            ("claude-opus-4-6", "claude-haiku-4-5", "anthropic"),
            ("gpt-4o", "gpt-4o-mini", "openai"),
        )
    ]
}
