"""data/attribution.json: what else of a request says who it is for, and which of its headers go to the provider."""

import re
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from addons.callers.attribution import HEADER_PREFIX
from addons.callers.sent_anyway import TABLE
from addons.callers.sources import Label, Source, Sources
from addons.callers.withheld import Withheld, withheld

_SECRET = re.compile(r"(^|-)(authorization|token|secret|password|cookie)(-|$)|-auth$|api-?key$|virtual-key$")
_FRAMING = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that say how a request is sent. Without them it would be another one."""
_CONVERSATION = frozenset({"input", "instructions", "messages", "prompt", "query", "suffix", "system", "tools"})
"""Fields of bodies that the model reads, and that are therefore never in a log."""

_FIELD = r"[^.\x00-\x1f\x7f]{1,128}"
Path = Annotated[str, Field(max_length=1024, pattern=rf"^{_FIELD}(\.{_FIELD}){{0,7}}$")]


def _header(name: str) -> str:
    name = name.lower()
    if name.startswith(HEADER_PREFIX):
        raise ValueError("this header is ModelTrack's own, and has its meaning")
    if _SECRET.search(name):
        raise ValueError("this header has a credential, and labels are in the log")
    if name in _FRAMING:
        raise ValueError("this header says how the request is sent, and nothing of its caller")
    return name


def _body(path: str) -> str:
    if path.partition(".")[0] in _CONVERSATION:
        raise ValueError("this field is part of the conversation, and labels are in the log")
    return path


class Entry(BaseModel):
    """Name a header or a field of the body, and the label that it gives."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    header: Annotated[str, AfterValidator(_header)] = Field(
        "", max_length=256, pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
    )
    body: Annotated[Path, AfterValidator(_body)] = ""
    """The path of the field, with dots between the names."""
    json_path: Path = Field("", alias="json")
    """The path of the member to take, where the value is a JSON text."""
    tag: str = Field("", max_length=128, pattern=r"^[^,:\x00-\x1f\x7f]+$")
    """The name of the tag to take, where the value is a list such as `team:product, production`."""
    label: Label
    pass_on: bool | None = None
    """Whether the header goes to the provider; None: as it would without the entry."""

    @model_validator(mode="after")
    def _is_one_place(self) -> "Entry":
        if bool(self.header) == bool(self.body):
            raise ValueError("must have either `header` or `body`")
        if self.json_path and self.tag:
            raise ValueError("cannot have both `json` and `tag`")
        if self.body and self.pass_on is not None:
            raise ValueError("`pass_on` is for headers: the body goes to the provider as it is")
        return self

    @property
    def source(self) -> Source:
        return Source(label=self.label, header=self.header, body=self.body, json=self.json_path, tag=self.tag)


_BUILT_IN = {source.place: source for source in TABLE}


class AttributionFile(BaseModel):
    """data/attribution.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: list[Entry] = Field(default_factory=list, max_length=200)
    """Come before the built-in ones. One that is built in as well is read as it is there."""
    defaults: bool = True
    """Whether the built-in table is in force."""
    gateways_upstream: list[Literal["litellm", "portkey", "helicone"]] = Field(default_factory=list)
    """The gateways that a provider's URL leads to, so that their headers go there."""

    @model_validator(mode="after")
    def _agrees(self) -> "AttributionFile":
        seen: set[tuple[str, str, str, str, str]] = set()
        passed: dict[str, bool] = {}
        for entry in self.sources:
            where = entry.header or entry.body
            if entry.source.place in seen:
                raise ValueError(f"two sources read the label {entry.label!r} from the same place {where!r}")
            seen.add(entry.source.place)
            if entry.pass_on is not None and passed.setdefault(entry.header, entry.pass_on) != entry.pass_on:
                raise ValueError(f"two sources say of the header {where!r} that it is and is not passed on")
        return self

    @cached_property
    def table(self) -> Sources:
        """Return all sources that are in force."""
        named = [_BUILT_IN.get(entry.source.place, entry.source) for entry in self.sources]
        return Sources([*named, *(TABLE if self.defaults else ())])

    @cached_property
    def withheld(self) -> Withheld:
        passes_on = {entry.header: entry.pass_on for entry in self.sources if entry.pass_on is not None}
        return withheld(passes_on, self.gateways_upstream)
