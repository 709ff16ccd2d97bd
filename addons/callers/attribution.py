"""Who a call is for: the X-ModelTrack-* headers, and what stands in for those that are missing."""

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
    """ "" where nothing is known."""

    team: str = ""
    app: str = ""
    feature: str = ""
    customer_tier: str = ""
    session_id: str = ""
    trace_id: str = ""
    prompt_template: str = ""


_HEADERS = {HEADER_PREFIX + item.name.replace("_", "-"): item.name for item in fields(Attribution)}


def attribute(headers: Mapping[str, str], default_team: str, proxy_user: tuple[str, str] = ("", "")) -> Attribution:
    """`headers` have lower-case names; of the others than ours only `x-claude-code-session-id` is looked at.

    `proxy_user`: user name and password of the HTTPS_PROXY URL.
    """
    values = {field: clean(headers[name]) for name, field in _HEADERS.items() if name in headers}
    if not values.get("session_id") and (session := headers.get("x-claude-code-session-id")):
        values["session_id"] = clean(session)
    values["team"] = values.get("team") or proxy_user[0] or default_team
    values["app"] = values.get("app") or proxy_user[1]
    return Attribution(**values)


def clean(value: str) -> str:
    """Trimmed, without control characters and halves of surrogate pairs, cut at 256 characters."""
    if not (value.isascii() and value.isprintable()):
        value = _CONTROL.sub("", value.encode(errors="replace").decode())
    text = value.strip()
    return text[:_LONGEST].strip()


def is_yes(value: str | None) -> bool:
    """Whether a switch header is on."""
    return value is not None and value.strip().lower() in _YES
