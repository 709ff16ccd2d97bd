"""List what may be special about a call and its answer, each with the formats that it goes with."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from tests.e2e.books.formats import Format

Settings = dict[str, Any]
Cut = Literal["anywhere", "first", "nowhere"]

_MESSAGES, _CHAT, _RESPONSES, _CONVERSE, _INVOKE = "messages", "chat", "responses", "converse", "invoke"
_CLAUDES = (_MESSAGES, _INVOKE, _CONVERSE)
_GPTS = (_CHAT, _RESPONSES)
_TALK = (*_CLAUDES, *_GPTS)
_REASONING = ("o3", "gpt-5", *(f"claude-{name}" for name in ("sonnet-4-6", "opus-4-6", "sonnet-4-5")))


@dataclass(frozen=True)
class Feature:
    name: str
    families: tuple[str, ...] = ()
    """The families of formats; empty for all."""
    settings: Callable[[Random], Settings] = lambda rng: {}
    """Returns what the fake provider is told."""
    models: tuple[str, ...] = ()
    """The models, of which a format may have more than in its own list; empty for all of the format's."""
    body: Settings | None = None
    """What the body has besides."""
    streams: tuple[bool, ...] = (False, True)
    leaves: bool = True
    """Whether clients may leave such calls before their end."""
    cut: Cut = "anywhere"
    """Where clients may leave a stream in full flow: anywhere, nowhere, or where its `first` event reports the input.

    Elsewhere nobody could know what the input costs: the request does not show what the provider has in its cache.
    """
    estimated: bool = False
    """Whether the bill may be an estimate though the client reads all."""
    packs: bool = False
    """Whether the request's body is compressed."""
    at_azure: bool = True
    """Whether there is such a thing at Azure and Bedrock, too."""
    weight: int = 2
    """How often it comes, beside the others."""

    def fits(self, form: Format, stream: bool) -> bool:
        if self.families and form.family not in self.families:
            return False
        if not self.at_azure and form.name.startswith(("azure", "bedrock")):
            return False
        return stream in self.streams and (not stream or bool(form.end)) and bool(self.choices(form))

    def may_be_cut(self, form: Format) -> bool:
        """Tell whether clients may leave a stream of this format in full flow."""
        return self.leaves and (self.cut == "anywhere" or (self.cut == "first" and form.reports_input_first))

    def choices(self, form: Format) -> tuple[str, ...]:
        """Return the models that a call of this format may name."""
        if not self.models:
            return form.models
        if form.name.startswith("bedrock") or form.family in (_INVOKE, _CONVERSE):
            return tuple(model for model in form.models if any(name in model for name in self.models))
        if form.name == "azure deployment":
            return ()
        claude = form.family == _MESSAGES
        return tuple(model for model in self.models if model.startswith("claude") == claude)


def told(**settings: Any) -> Callable[[Random], Settings]:
    """Return a function that draws the settings: a pair stands for the smallest and the largest number."""

    def draw(rng: Random) -> Settings:
        return {name: rng.randint(*value) if isinstance(value, tuple) else value for name, value in settings.items()}

    return draw


def _one_hour(rng: Random) -> Settings:
    written = rng.randint(100, 9000)
    return {"cache_write": written, "cache_write_1h": rng.randint(1, written)}


def _audio(rng: Random) -> Settings:
    heard, spoken = rng.randint(20, 2000), rng.randint(20, 100)
    return {
        "input_tokens": heard + rng.randint(1, 200),
        "audio_input": heard,
        "output_tokens": spoken + rng.randint(5, 30),
        "audio_output": spoken,
    }


def _seen(rng: Random) -> Settings:
    seen = rng.randint(50, 1500)
    return {"image_input": seen, "input_tokens": seen + rng.randint(1, 200)}


def _shown(rng: Random) -> Settings:
    return {"web_searches": rng.randint(0, 3), "shown_searches": rng.randint(0, 3)}


def _odd(kind: str, *families: str, **more: Any) -> Feature:
    usual: dict[str, Any] = {"streams": (True,), "leaves": False, "weight": 1}
    return Feature(f"odd {kind}", families or _TALK, told(odd=kind), **(usual | more))


_SSE = (_MESSAGES, *_GPTS, "legacy")
FEATURES = (
    Feature("plain", weight=8),
    Feature("tool", _TALK, told(tool=1), weight=4),
    Feature("reasoning", _TALK, told(reasoning=(30, 120)), _REASONING, weight=6),
    Feature("long reasoning", _TALK, told(reasoning=(300, 500), input_tokens=(60, 90)), _REASONING, weight=5),
    Feature("cache read", _TALK, told(cache_read=(1, 50_000)), cut="first"),
    Feature("5m writes", _CLAUDES, told(cache_write=(1, 9000), cache_read=(0, 900)), cut="first"),
    Feature("1h writes", (_MESSAGES, _CONVERSE), _one_hour, cut="first"),
    Feature("1h writes", (_INVOKE,), _one_hour, streams=(False,)),
    Feature("writes", _GPTS, told(cache_write=(1, 5000)), ("gpt-5",), cut="nowhere"),
    Feature("audio", (_CHAT,), _audio, ("gpt-audio",), cut="nowhere"),
    Feature("images in", (_CHAT,), _seen, ("gpt-4o",), cut="nowhere"),
    Feature(
        "a drawn image", (_RESPONSES,), told(drawn_from=(10, 99), drawn=(272, 6240)), ("gpt-5",), cut="nowhere",
        body={"tools": [{"type": "image_generation", "model": "gpt-image-1"}]},
    ),
    Feature("searches", (_MESSAGES,), told(web_searches=(1, 5)), at_azure=False, cut="nowhere"),
    Feature("searches", (_RESPONSES,), told(web_searches=(1, 5)), ("gpt-4o", "gpt-5"), cut="nowhere"),
    Feature("searches", (_CHAT,), told(web_searches=1), ("gpt-5-search-api",), cut="nowhere"),
    Feature("searches shown otherwise", (_RESPONSES,), _shown, ("gpt-5",), cut="nowhere"),
    Feature(
        "priority", _GPTS, told(service_tier="priority"), ("gpt-4o", "gpt-4o-mini", "gpt-5", "o3"), at_azure=False,
        cut="nowhere", body={"service_tier": "priority"},
    ),
    Feature(
        "flex", _GPTS, told(service_tier="flex", cache_read=(0, 999)), ("gpt-5", "o3"), at_azure=False,
        cut="nowhere", body={"service_tier": "flex"},
    ),
    Feature("fast", (_MESSAGES,), told(speed="fast"), ("claude-opus-4-8",), at_azure=False),
    Feature("in the US", (_MESSAGES,), told(geo="us", cache_write=(0, 999)), ("claude-sonnet-4-6", "claude-opus-4-6"),
            at_azure=False),
    Feature("anywhere", (_MESSAGES,), told(geo="global"), at_azure=False),
    Feature("long input", (_MESSAGES,), told(input_tokens=(199_900, 200_100)), ("claude-sonnet-4-5",),
            at_azure=False, cut="nowhere"),
    Feature("compaction", (_MESSAGES,), told(compaction=(1, 9000)), at_azure=False, cut="nowhere"),
    Feature("dated", (_MESSAGES,), told(model="claude-sonnet-4-6-20260218"), ("claude-sonnet-4-6",)),
    Feature("dated", _GPTS, told(model="gpt-4o-mini-2024-07-18"), ("gpt-4o", "gpt-4o-mini")),
    Feature("packed answer", _SSE, told(gzip=1)),
    Feature("packed request", _SSE, packs=True),
    Feature("asks for usage", ("chat", "legacy"), body={"stream_options": {"include_usage": True}}, streams=(True,)),
    Feature("usage in delta", (_INVOKE,), told(cache_read=(1, 9000), cache_write=(1, 900), late="delta"),
            streams=(True,), cut="nowhere"),
    Feature("usage in stop", (_INVOKE,), told(cache_read=(1, 9000), cache_write=(1, 900), late="stop"),
            streams=(True,), cut="nowhere"),
    Feature("usage in metrics", (_INVOKE,), told(cache_read=(1, 9000), cache_write=(1, 900), late="metrics"),
            streams=(True,), cut="nowhere"),
    Feature("no usage", _TALK, told(usage=0), leaves=False, estimated=True),
    Feature("breaks off", _TALK, told(hangup=(5, 7)), streams=(True,), leaves=False, estimated=True),
    Feature("breaks off", _TALK, told(hangup=1), streams=(False,), leaves=False, estimated=True),
    Feature("refuses stream_options", (_CHAT,), told(refuses="stream_options"), ("gpt-4.1",), streams=(True,),
            leaves=False, estimated=True),
    _odd("no_type", *_SSE),
    _odd("plain", *_SSE),
    _odd("comments", *_SSE),
    _odd("no_event_lines", _RESPONSES),
    _odd("no_last_blank", *_SSE),
    _odd("running_totals", _CHAT),
    _odd("zero_input", _MESSAGES),
    _odd("too_many", streams=(False, True), estimated=True),
    _odd("error_in_200", streams=(False, True)),
    _odd("login_page", streams=(False, True)),
)  # fmt: skip
