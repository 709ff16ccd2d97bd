"""Find out who a call is for, by the X-ModelTrack-* headers and what stands in for those that are missing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

HEADER_PREFIX = "x-modeltrack-"
NO_CACHE_HEADER = "X-ModelTrack-No-Cache"

_LONGEST = 256
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


_HEADERS = {HEADER_PREFIX + item.name.replace("_", "-"): item.name for item in fields(Attribution)}


def attribute(headers: Mapping[str, str], default_team: str, proxy_user: tuple[str, str] = ("", "")) -> Attribution:
    """Return who a call is for.

    `headers` have lower-case names; besides X-ModelTrack-*, only `x-claude-code-session-id` is read. `proxy_user` is
    the user name and password of the HTTPS_PROXY URL, which stand in for team and app.
    """
    values = {field: clean(headers[name]) for name, field in _HEADERS.items() if name in headers}
    if not values.get("session_id") and (session := headers.get("x-claude-code-session-id")):
        values["session_id"] = clean(session)
    values["team"] = values.get("team") or proxy_user[0] or default_team
    values["app"] = values.get("app") or proxy_user[1]
    return Attribution(**values)


def headers_of(who: Attribution) -> dict[str, str]:
    """Return the headers, by lower-case name, that say whom a call is for."""
    return {name: value for name, field in _HEADERS.items() if (value := getattr(who, field))}


def clean(value: str) -> str:
    """Trim a value, remove control characters, replace halves of surrogate pairs, and cut it at 256 characters."""
    if not (value.isascii() and value.isprintable()):
        value = _CONTROL.sub("", value.encode(errors="replace").decode())
    text = value.strip()
    return text[:_LONGEST].strip()


def is_yes(value: str | None) -> bool:
    """Return whether the value of a header switches something on: true, 1, yes or on."""
    return value is not None and value.strip().lower() in _YES
