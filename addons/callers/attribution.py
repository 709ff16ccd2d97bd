"""Find out who a call is for, by the X-ModelTrack-* headers and what stands in for those that are missing."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

from addons.ledger.names import LONGEST, compared

HEADER_PREFIX = "x-modeltrack-"
NO_CACHE_HEADER = "X-ModelTrack-No-Cache"
KEY_HEADER = "x-modeltrack-key"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_YES = frozenset({"true", "1", "yes", "on"})


@dataclass(frozen=True, slots=True)
class Attribution:
    """Says who a call is for; a field is "" if that is not known."""

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


_HEADERS = {
    HEADER_PREFIX + item.name.replace("_", "-"): item.name for item in fields(Attribution) if item.name != "key_id"
}
_NOTHING: Mapping[str, str] = MappingProxyType({})
_CLAUDE_CODES_SESSION = "x-claude-code-session-id"
_READ = {name.encode(): name for name in (*_HEADERS, KEY_HEADER, NO_CACHE_HEADER.lower(), _CLAUDE_CODES_SESSION)}


def own_headers(fields: Iterable[tuple[bytes, bytes]], opt_out: str = "") -> dict[str, str]:
    """Return what the headers say of who a request is for and how to treat it, by lower-case name.

    Empty ones are left out. `opt_out` is the name of the header that keeps the model. Raises ValueError, which names a
    header that comes twice and says two things.
    """
    read = {**_READ, opt_out.encode(): opt_out} if opt_out else _READ
    found: dict[str, str] = {}
    for raw_name, raw_value in fields:
        name = read.get(raw_name.lower())
        value = clean(_text(raw_value)) if name else ""
        if name and value and compared(found.setdefault(name, value)) != compared(value):
            raise ValueError(f"the header {name} comes twice, with two different values")
    return found


def _text(value: bytes) -> str:
    """Decode a header's value as UTF-8, which clients mean, or else as Latin-1, which HTTP says."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def said_by(headers: Mapping[str, str]) -> dict[str, str]:
    """Return what ModelTrack's own headers say of who a call is for, by the name of the attribution's field."""
    return {field: headers[name] for name, field in _HEADERS.items() if name in headers}


def attribute(
    headers: Mapping[str, str],
    default_team: str,
    url_user: tuple[str, str] = ("", ""),
    fixed: Mapping[str, str] = _NOTHING,
) -> Attribution:
    """Return who a call is for.

    `headers` are those of `own_headers`. `url_user` is the user name and password of the base URL, or of the
    HTTPS_PROXY URL, which stand in for team and app. `fixed` comes before all others: what the caller's key says.
    """
    values = {**said_by(headers), **fixed}
    if session := headers.get(_CLAUDE_CODES_SESSION):
        values.setdefault("session_id", session)
    values["team"] = values.get("team") or url_user[0] or default_team
    values["app"] = values.get("app") or url_user[1]
    return Attribution(**values)


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
