"""Read labels from what clients send anyway: from headers of theirs, and from fields of their requests' bodies.

Which headers and fields these are is in addons/callers/sent_anyway.py; data/attribution.json adds others. All of it is
read leniently: what does not have the form that is expected says nothing.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

Label = Literal["team", "app", "feature", "customer_tier", "session_id", "trace_id", "prompt_template", "user"]
"""A field of an Attribution that a source may fill."""

MOST_JSON = 8192
"""Characters of a JSON text that is parsed."""

_BUDGETED = frozenset({"team", "app"})
"""The labels that budgets go by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Say where something stands that gives a label: in a header, or in a field of the body."""

    label: Label
    header: str = ""
    """The header's name in lower case."""
    body: str = ""
    """The path of the field, such as `metadata.user_id`."""
    json: str = ""
    """The path of the member to take, where the header or field is a JSON text."""
    tag: str = ""
    """The name of the tag to take, where it is a list such as `team:product, production`."""
    form: Callable[[str], str] | None = None
    """Returns what the text says, "" for nothing; None where the whole text is the label."""
    family: str = ""
    """The family of wire formats whose bodies have the field, "" for all."""
    client: str = ""
    """Who sends it, for the documents."""
    origin: str = ""
    """The document that says so."""

    @property
    def place(self) -> tuple[str, str, str, str, str]:
        return self.header, self.body, self.json, self.tag, self.label

    @property
    def is_plain(self) -> bool:
        return not (self.json or self.tag or self.form)

    def read(self, text: str) -> str:
        """Return what the text says, as it stands there; "" for nothing."""
        return self.read_member(_parsed(text)) if self.json else self.read_text(text)

    def read_member(self, document: object) -> str:
        return _text(_member(document, self.json.split(".")))

    def read_text(self, text: str) -> str:
        if self.tag:
            return _tagged(text, self.tag)
        return self.form(text) if self.form else text


@dataclass(frozen=True, slots=True)
class HeaderSources:
    """Hold the sources that one header feeds, each with its place in the order of all sources."""

    name: str
    sources: tuple[tuple[int, Source], ...]

    def read(self, text: str) -> list[tuple[int, str, str]]:
        """Return what the header says: place in the order, label, and value as it stands there."""
        document = _parsed(text) if any(source.json for _, source in self.sources) else None
        return [
            (rank, source.label, source.read_member(document) if source.json else source.read_text(text))
            for rank, source in self.sources
        ]

    @property
    def must_agree(self) -> bool:
        """Tell whether two such headers may not say two things: they say it plainly, or budgets go by it."""
        return any(source.is_plain or source.label in _BUDGETED for _, source in self.sources)


class Sources:
    """Hold all sources in their order: the first that says something of a label wins."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self.all = tuple(sources)
        by_header: dict[str, list[tuple[int, Source]]] = {}
        for rank, source in enumerate(self.all):
            if source.header:
                by_header.setdefault(source.header, []).append((rank, source))
        self.headers = {name: HeaderSources(name, tuple(found)) for name, found in by_header.items()}
        self._everywhere, self._of_family = self._in_bodies(""), dict[str, _InBody]()
        for family in {source.family for source in self.all if source.family}:
            self._of_family[family] = self._in_bodies(family)

    def _in_bodies(self, family: str) -> "_InBody":
        found = [source for source in self.all if source.body and source.family in ("", family)]
        fields = tuple((path[0], path[1:], source) for source in found if (path := tuple(source.body.split("."))))
        return _InBody(fields, frozenset(source.label for source in found))

    def in_body(self, family: str) -> "_InBody":
        return self._of_family.get(family, self._everywhere)

    def said_in(self, body: Mapping[str, Any], family: str) -> list[tuple[str, str]]:
        """Return labels and what a body says of them, the first one first, as it stands there."""
        found: list[tuple[str, str]] = []
        for name, rest, source in self.in_body(family).fields:
            if (value := body.get(name)) is not None and (text := _text(_member(value, rest))):
                found.append((source.label, source.read(text)))
        return found


@dataclass(frozen=True, slots=True)
class _InBody:
    fields: tuple[tuple[str, tuple[str, ...], Source], ...]
    """The first name of the path, the names after it, and the source."""
    labels: frozenset[str]


def _text(value: object) -> str:
    """Return a string, or a whole number as JSON writes it; "" for anything else."""
    if type(value) is str:
        return value
    return str(value) if type(value) is int and abs(value) < 2**64 else ""


def _member(value: object, path: Iterable[str]) -> object:
    """Return what a path leads to, None where it leads nowhere."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _folded(name: str) -> str:
    return name.lower().replace("-", "_")


def _parsed(text: str) -> object:
    """Return the value of a JSON text, None for one that is too long, too deep, or none.

    Its members can be found in lower case and with `_` for `-` as well: people write Team, and customer-tier.
    """
    if len(text) > MOST_JSON:
        return None
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return {**{_folded(name): value for name, value in found.items()}, **found} if isinstance(found, dict) else found


def _tagged(text: str, name: str) -> str:
    wanted = _folded(name)
    for tag in text[:MOST_JSON].split(","):
        key, separator, value = tag.partition(":")
        if separator and _folded(key.strip()) == wanted and value.strip():
            return value.strip()
    return ""


_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")


def trace_id(text: str) -> str:
    """Return the trace's id in a `traceparent`, "" for one that is invalid: https://www.w3.org/TR/trace-context/."""
    match = _TRACEPARENT.fullmatch(text.strip())
    return match[1] if match else ""


_CLAUDE_CODE = re.compile(r"user_(?P<device>[^_]+)(?:_account_(?P<account>[^_]*))?_session_(?P<session>.+)")
_USERS = ("account_uuid", "account_id", "user_id", "device_id")
_SESSIONS = ("session_id", "session_uuid")


def anthropic_user(text: str) -> str:
    """Return the user that Anthropic's `metadata.user_id` names.

    Claude Code writes there the ids of the device, the account if there is one, and the session: first as
    `user_…_account_…_session_…`, later as JSON. Then the account is the user, or else the device.
    """
    if match := _CLAUDE_CODE.fullmatch(text):
        return match["account"] or match["device"]
    if text.startswith("{") and isinstance(said := _parsed(text), dict):
        return _first(said, _USERS)
    return text


def anthropic_session(text: str) -> str:
    """Return the session that Claude Code names in `metadata.user_id`, "" for what other clients write there."""
    if match := _CLAUDE_CODE.fullmatch(text):
        return match["session"]
    if text.startswith("{") and isinstance(said := _parsed(text), dict):
        return _first(said, _SESSIONS)
    return ""


def _first(said: Mapping[str, object], names: Iterable[str]) -> str:
    return next((text for name in names if (text := _text(_member(said, (name,))))), "")
