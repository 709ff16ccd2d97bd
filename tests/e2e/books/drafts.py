"""Draw a call at random: its format, what is special about it, its model, its prompt, and how the provider answers."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from tests.e2e.books.features import FEATURES, Feature
from tests.e2e.books.formats import FORMATS, Format
from tests.e2e.conftest import KEY, SECRET

Stage = Literal[
    "stays", "half-closes", "in the request", "before the head", "after the head", "in mid stream", "at the end"
]

ARRIVAL = 0.2
"""The seconds after which what was sent has been read: an earlier reset may throw it away, as if it was never sent."""
PACE = 100.0
"""The tokens that the provider generates in a second."""
_WORDS = ("the", "proxy", "counts", "each", "token", "of", "what", "a", "provider", "says", "and", "asks", "nobody")
_WEIGHTS = [feature.weight for feature in FEATURES]


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
    on_a_socket: bool = False
    """Whether the calls are made on one WebSocket."""
    may_be_estimated: bool = False
    may_vanish: bool = False
    """Whether the proxy may never see the call."""
    accepted: int | None = None
    """How many of the calls the provider accepts; None: at most each once."""


@dataclass(frozen=True)
class Draft:
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


def draw(rng: Random, fits: Callable[[Format, Feature, bool], bool] = lambda *_: True) -> Draft:
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
    return Draft(
        form=form,
        feature=feature,
        stream=stream,
        model=rng.choice(feature.choices(form)),
        settings=settings,
        prompt=_text(rng, prompt_tokens),
        limit=settings["output_tokens"] + rng.randint(0, 400),
    )
