"""Find out who a call is for, by the X-ModelTrack-* headers and what stands in for those that are missing."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from addons.callers.sent_anyway import SOURCES
from addons.callers.sources import HeaderSources, Sources
from addons.ledger.names import LONGEST, compared

HEADER_PREFIX = "x-modeltrack-"
NO_CACHE_HEADER = "X-ModelTrack-No-Cache"
KEY_HEADER = "x-modeltrack-key"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_YES = frozenset({"true", "1", "yes", "on"})


@dataclass(slots=True)  # frozen, it would take 2 us more to make
class Attribution:
    """Says who a call is for; a field is "" if that is not known. It is never changed."""

    team: str = ""
    app: str = ""
    feature: str = ""
    customer_tier: str = ""
    session_id: str = ""
    trace_id: str = ""
    prompt_template: str = ""
    user: str = ""
    """Who used the app, as far as it says so."""
    key_id: str = ""
    """The id of the caller's key. No header says it."""
    by_default: bool = field(default=False, compare=False)
    """Whether the team is that of MODELTRACK_DEFAULT_TEAM, which the body of the request may still replace."""


_LABELS = tuple(item.name for item in fields(Attribution) if item.name != "by_default")
_HEADERS = {HEADER_PREFIX + label.replace("_", "-"): label for label in _LABELS if label != "key_id"}
_OWN = {name.encode(): name for name in (*_HEADERS, KEY_HEADER, NO_CACHE_HEADER.lower())}
_NOTHING: Mapping[str, str] = MappingProxyType({})
_SENT_ANYWAY = "sent anyway: "
"""Begins the names under which `own_headers` returns what headers of others say of a label. No header's name does."""


def own_headers(fields: Iterable[tuple[bytes, bytes]], opt_out: str = "", sources: Sources = SOURCES) -> dict[str, str]:
    """Return what the headers say of who a request is for and how to treat it, by lower-case name.

    Empty ones are left out. `opt_out` is the name of the header that keeps the model. What the headers of `sources` say
    is in it as well, for `attribute`. Raises ValueError, which names a header that comes twice and says two things.
    """
    read = _read(sources, opt_out)
    found: dict[str, str] = {}
    others: list[tuple[HeaderSources, str]] | None = None
    for raw_name, raw_value in fields:
        name = read.get(raw_name.lower())
        if name is None:
            continue
        if type(name) is HeaderSources:
            others = others or []
            others.append((name, _text(raw_value)))
        elif value := clean(_text(raw_value)):
            _put(found, name, value)  # type: ignore[arg-type]
    return {**found, **_sent_anyway(others)} if others else found


def _put(found: dict[str, str], name: str, value: str) -> None:
    if compared(found.setdefault(name, value)) != compared(value):
        raise _twice(name)


def _twice(name: str) -> ValueError:
    return ValueError(f"the header {name} comes twice, with two different values")


def _differ(one: str, two: str) -> bool:
    return compared(one) != compared(two) or (max(len(one), len(two)) > LONGEST and one != two)


@lru_cache(maxsize=4)
def _read(sources: Sources, opt_out: str) -> Mapping[bytes, str | HeaderSources]:
    """Return the headers that are read, by lower-case name: those for the proxy by their names, others with theirs."""
    others = {name.encode(): found for name, found in sources.headers.items()}
    return {**others, **_OWN, **({opt_out.encode(): opt_out} if opt_out else {})}


def _sent_anyway(sent: Iterable[tuple[HeaderSources, str]]) -> dict[str, str]:
    """Return what headers of others say of each label: by the first source that says something of it."""
    texts: dict[str, str] = {}
    said: list[tuple[int, str, str]] = []
    for header, text in sent:
        if not clean(text):
            continue
        if header.name not in texts:
            texts[header.name] = text
            said += header.read(text)
        elif header.must_agree and _differ(text, texts[header.name]):
            raise _twice(header.name)
    found: dict[str, str] = {}
    for _, label, text in sorted(said):
        if text and (value := clean(text)):
            found.setdefault(_SENT_ANYWAY + label, value)
    return found


def _text(value: bytes) -> str:
    """Decode a header's value as UTF-8, which clients mean, or else as Latin-1, which HTTP says."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def said_by(headers: Mapping[str, str]) -> dict[str, str]:
    """Return what ModelTrack's own headers say of who a call is for, by the name of the attribution's field."""
    return {label: value for name, value in headers.items() if (label := _HEADERS.get(name))}


def attribute(
    headers: Mapping[str, str],
    default_team: str,
    url_user: tuple[str, str] = ("", ""),
    fixed: Mapping[str, str] = _NOTHING,
) -> Attribution:
    """Return who a call is for; each source fills what those before it left open.

    `fixed` comes first: what the caller's key says. `headers` are those of `own_headers`. `url_user` is the user name
    and password of the base URL, or of the HTTPS_PROXY URL, which stand in for team and app. Then comes what clients
    send anyway in headers; for what they send in the body see `from_body`.
    """
    values = {**said_by(headers), **fixed}
    team, app = url_user
    if team:
        values.setdefault("team", team)
    if app:
        values.setdefault("app", app)
    for name, value in headers.items():
        if name.startswith(_SENT_ANYWAY):
            values.setdefault(name.removeprefix(_SENT_ANYWAY), value)
    by_default = default_team != "" and "team" not in values
    if by_default:
        values["team"] = default_team
    return Attribution(**values, by_default=by_default)


def team_is_open(who: Attribution, family: str, sources: Sources) -> bool:
    """Tell whether the body of a request may still name the team; `family` is that of the body's format."""
    return (not who.team or who.by_default) and "team" in sources.in_body(family).labels


def from_body(body: Mapping[str, Any], family: str, who: Attribution, sources: Sources = SOURCES) -> Attribution:
    """Return who a call is for, with what its body says of what is still open; the same object where that is nothing.

    `family` is that of the body's format.
    """
    found: dict[str, str] = {}
    for label, text in sources.said_in(body, family):
        is_open = not getattr(who, label) or (label == "team" and who.by_default)
        if is_open and (value := clean(text)):
            found.setdefault(label, value)
    if not found:
        return who
    known = {label: value for label in _LABELS if (value := getattr(who, label))}
    return Attribution(**{**known, **found}, by_default=who.by_default and "team" not in found)


def headers_of(who: Attribution) -> dict[str, str]:
    """Return the headers, by lower-case name, that say whom a call is for."""
    return {name: value for name, field in _HEADERS.items() if (value := getattr(who, field))}


def clean(value: str) -> str:
    """Trim a value, remove control characters, replace halves of surrogate pairs, and cut it at 256 characters.

    Return "" for one of which nothing can be seen.
    """
    if value.isascii() and value.isprintable():
        return value.strip()[:LONGEST].strip()
    text = _CONTROL.sub("", value.encode(errors="replace").decode()).strip()[:LONGEST].strip()
    return text if compared(text) else ""


def is_yes(value: str | None) -> bool:
    """Return whether the value of a header switches something on: true, 1, yes or on."""
    return value is not None and value.strip().lower() in _YES
