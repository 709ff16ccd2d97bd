"""Plan the run: which calls are made, how the provider answers each, and when its client leaves.

The plan follows from the seed alone, each case from the seed and its number: one case can be made again by itself.
"""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Literal

from tests.e2e.books.features import FEATURES, Feature
from tests.e2e.books.formats import FORMATS, Format
from tests.e2e.conftest import KEY, SECRET

Stage = Literal[
    "stays", "half-closes", "in the request", "before the head", "after the head", "in mid stream", "at the end"
]

PACE = 100.0
"""The tokens that the provider generates in a second."""
_TAIL = 0.5
_WAIT = 0.5
"""The seconds before an answer for which a client does not wait."""
_PATIENCE = 0.2
_WORDS = ("the", "proxy", "counts", "each", "token", "of", "what", "a", "provider", "says", "and", "asks", "nobody")
_WEIGHTS = [feature.weight for feature in FEATURES]
TEAMS = ("", "product", "research")
SPENT, THRIFTY = "spent", "thrifty"


@dataclass(frozen=True)
class Call:
    path: str
    headers: dict[str, str]
    body: bytes
    trace: str
    form: Format
    stage: Stage = "stays"
    leaves_after: float = 0.0
    """The seconds after which a client leaves that leaves before the head or in mid stream."""


@dataclass(frozen=True)
class Case:
    number: int
    kind: str
    marker: str
    calls: tuple[Call, ...]
    together: bool = False
    """Whether the calls are made at the same time, and not one after the other."""
    may_be_estimated: bool = False
    accepted: int | None = None
    """How many of the calls the provider accepts; None: at most each once."""


@dataclass(frozen=True)
class _Draft:
    """Hold what a call is made of before it is written down."""

    form: Format
    feature: Feature
    stream: bool
    model: str
    settings: dict[str, Any]
    prompt: str
    limit: int

    def call(self, trace: str, marker: str, key: str = KEY, team: str = "", **told: Any) -> Call:
        form, model = self.form, self.model
        path = form.stream_path if self.stream and form.stream_path else form.path
        body = form.body(model, self.prompt, self.limit) | (self.feature.body or {})
        body |= {"stream": True} if self.stream and not form.stream_path else {}
        content = json.dumps(body).encode()
        settings = self.settings | told | {"marker": marker}
        headers = {
            "Content-Type": "application/json",
            form.key_header: key if form.key_header != "authorization" else f"Bearer {key}",
            "X-Fake": ",".join(f"{name}={value}" for name, value in settings.items()),
            "X-ModelTrack-Trace-ID": trace,
        }
        headers |= {"X-ModelTrack-Team": team} if team else {}
        if self.feature.packs:
            content = gzip.compress(content, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return Call(path.replace("{model}", model), headers, content, trace, form)


def _text(rng: Random, tokens: int) -> str:
    """Return a text of about as many tokens, as English has them: 4 characters a token, more or less."""
    wanted = round(tokens * 4 * rng.uniform(0.93, 1.07))
    return " ".join([SECRET, *rng.choices(_WORDS, k=wanted // 3)])[:wanted]


def _draft(rng: Random, fits: Callable[[Format, Feature, bool], bool] = lambda *_: True) -> _Draft:
    while True:
        [feature] = rng.choices(FEATURES, _WEIGHTS)
        stream = rng.random() < 0.5
        forms = [form for form in FORMATS if feature.fits(form, stream) and fits(form, feature, stream)]
        if forms:
            form = rng.choice(forms)
            break
    settings: dict[str, Any] = {"input_tokens": rng.randint(200, 800), "output_tokens": rng.randint(30, 120)}
    settings |= {"pace": PACE} | feature.settings(rng)
    prompt_tokens = min(settings["input_tokens"], 800)  # a long one is in the settings alone
    visible = settings["output_tokens"]
    settings["output_tokens"] += settings.get("reasoning", 0)  # it comes before the text, and is output too
    settings["chunks"] = rng.randint(4, 12)
    settings["characters"] = round(visible * 4 * rng.uniform(0.93, 1.07))
    return _Draft(
        form=form,
        feature=feature,
        stream=stream,
        model=rng.choice(feature.choices(form)),
        settings=settings,
        prompt=_text(rng, prompt_tokens),
        limit=settings["output_tokens"] + rng.randint(0, 400),
    )


def _stages(draft: _Draft) -> list[Stage]:
    """Return the stages at which the client of such a call may leave."""
    feature, form = draft.feature, draft.form
    if not feature.leaves:
        return []
    if not draft.stream:
        return ["half-closes", "in the request", "before the head", "after the head"]
    cut: list[Stage] = ["before the head", "after the head", "in mid stream", "in mid stream"]
    end: list[Stage] = [] if "gzip" in draft.settings else ["at the end", "at the end"]  # nobody sees a packed end
    return ["half-closes", "in the request", *end, *(cut if feature.may_be_cut(form) else [])]


def _single(rng: Random, number: int, marker: str) -> Case:
    """Plan one call, whose client reads all or leaves."""
    draft = _draft(rng)
    stages = _stages(draft)
    stage: Stage = rng.choice(stages) if stages and rng.random() < 0.45 else "stays"
    told: dict[str, Any] = {}
    leaves_after = 0.0
    if stage == "before the head":
        told, leaves_after = {"delay": _WAIT}, _PATIENCE
    elif stage == "at the end":
        told = {"tail": _TAIL}
    elif stage == "in mid stream":
        leaves_after = rng.uniform(0.15, 0.85) * draft.settings["output_tokens"] / PACE
    call = draft.call(marker, marker, team=rng.choice(TEAMS), **told)
    is_cut = draft.stream and stage in ("before the head", "after the head", "in mid stream")
    how = "streamed" if draft.stream else "whole"
    return Case(
        number,
        f"{draft.form.name}, {how}, {draft.feature.name}, {stage}",
        marker,
        (replace(call, stage=stage, leaves_after=leaves_after),),
        may_be_estimated=is_cut or draft.feature.estimated,
    )


def _plain(form: Format, feature: Feature, stream: bool) -> bool:
    return feature.name in ("plain", "tool", "cache read")


def _is_whole(form: Format, feature: Feature, stream: bool) -> bool:
    return _plain(form, feature, stream) and not stream


def _refused(rng: Random, number: int, marker: str) -> Case:
    """Plan a call with a wrong credential, whose client may leave before it is told so."""
    draft = _draft(rng, _plain)
    leaves = rng.random() < 0.5
    call = draft.call(marker, marker, key=f"{KEY}-wrong", team=rng.choice(TEAMS), delay=_WAIT if leaves else 0)
    stage: Stage = "before the head" if leaves else "stays"
    kind = f"{draft.form.name}, wrong credential, {stage}"
    return Case(number, kind, marker, (replace(call, stage=stage, leaves_after=_PATIENCE),), accepted=0)


def _failing(rng: Random, number: int, marker: str) -> Case:
    """Plan a call that fails, and is made again."""
    draft = _draft(rng, _plain)
    status = rng.choice([429, 500, 503, 529])
    calls = (draft.call(f"{marker}-1", marker, status=status), draft.call(f"{marker}-2", marker))
    return Case(number, f"{draft.form.name}, again after a {status}", marker, calls, accepted=1)


def _cached(rng: Random, number: int, marker: str) -> Case:
    """Plan identical calls, one after the other or at the same time."""
    draft, together = _draft(rng, _is_whole), rng.random() < 0.5
    delay = 0.3 if together else 0
    calls = tuple(draft.call(f"{marker}-{n}", marker, delay=delay) for n in range(rng.randint(2, 4)))
    kind = f"{draft.form.name}, identical, {'together' if together else 'in turn'}"
    return Case(number, kind, marker, calls, together, accepted=1)


def _impatient(rng: Random, number: int, marker: str) -> Case:
    """Plan a call whose client gives up and asks again, twice, before the provider answers."""
    draft = _draft(rng, _is_whole)
    calls = [draft.call(f"{marker}-{n}", marker, delay=1.0) for n in range(3)]
    gives_up = [replace(call, stage="before the head", leaves_after=0.3) for call in calls[:2]]
    return Case(number, f"{draft.form.name}, asks again", marker, (*gives_up, calls[2]), accepted=1)


def _over_budget(rng: Random, number: int, marker: str) -> Case:
    draft = _draft(rng, _plain)
    return Case(number, f"{draft.form.name}, budget spent", marker, (draft.call(marker, marker, team=SPENT),))


def _downgraded(rng: Random, number: int, marker: str) -> Case:
    def fits(form: Format, feature: Feature, stream: bool) -> bool:
        return feature.name == "plain" and form.name in ("messages", "chat")

    draft = _draft(rng, fits)
    draft = replace(draft, model={"messages": "claude-opus-4-6", "chat": "gpt-4o"}[draft.form.name])
    return Case(
        number, f"{draft.form.name}, downgraded", marker, (draft.call(marker, marker, team=THRIFTY),), accepted=1
    )


_SCENARIOS = (
    (_single, 80),
    (_refused, 4),
    (_failing, 3),
    (_cached, 5),
    (_impatient, 3),
    (_over_budget, 2),
    (_downgraded, 3),
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
        {"team": THRIFTY, "monthly_limit": 10**9, "action": "warn"},
    ]
}
RULES = {
    "rules": [
        {
            "name": f"cheaper {cheaper}",
            "trigger": "budget_percent_above",
            "threshold": 0,
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
