"""Decide whether a request that a web page made is served, for the proxy and for the API.

Browsers let any page send requests to any address, also to this machine and to the network behind it. They say which
page it was: `Origin` is in each request that could change something or whose answer a page could read, and
`Sec-Fetch-Site` in all requests to https and to this machine (https://www.w3.org/TR/fetch-metadata/). A page can set or
remove neither. Programs send neither.

A page can also have its own name lead to this machine (DNS rebinding): then it is no other origin, but its name is in
`Host`. To such a name browsers send no `Sec-Fetch-Site` where it is not https, and no `Origin` with a GET. Only
`Accept-Language` is left to tell these GETs from those of programs.
"""

import re
import socket
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from addons.callers.addresses import is_address

HEADERS = frozenset(
    {
        "host",
        "origin",
        "sec-fetch-site",
        "sec-fetch-mode",
        "sec-fetch-dest",
        "accept-language",
        "access-control-request-method",
        "access-control-request-headers",
        "access-control-request-private-network",
    }
)
"""The headers that are looked at here."""

OF_BROWSERS = frozenset({"origin", "sec-fetch-site", "accept-language"})
"""The headers of which a browser sends at least one. A request without any is a program's."""

OTHER_ORIGIN = (
    "A web page of another origin made this request. ALLOWED_ORIGINS names the origins whose pages may call, such as"
    " https://app.example.com."
)
NO_ORIGIN = "A page without an origin (a file, a sandboxed frame) made this request. Such pages may not call."
OTHER_HOST = (
    "A browser made this request under a host name that is none of this machine's. Use its address or localhost, or put"
    " the name into ALLOWED_ORIGINS, such as http://modeltrack.internal:8080."
)

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:]*)(?::([0-9]{0,5}))?")
_NAMES = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:\s*,\s*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*")
_PREFLIGHT_SECONDS = "600"


def refusal(method: str, headers: Mapping[str, str], allowed: Collection[str], names: Collection[str] = ()) -> str:
    """Return why a request is refused; "" for one that is not.

    `headers` have lower-case names; those in HEADERS are looked at. `allowed` are the origins of ALLOWED_ORIGINS, and
    `names` host names of this machine beside `own_names`.
    """
    origin, site = headers.get("origin", ""), headers.get("sec-fetch-site", "")
    if not (origin or site or (method in ("GET", "HEAD") and _is_to_unsafe_name(headers))):
        return ""  # a program
    if origin and origin.lower() in allowed:
        return ""
    if origin == "null":
        return NO_ORIGIN
    if not is_own_host(headers.get("host", ""), allowed, names):
        return OTHER_HOST
    if origin and not _is_same(origin, headers["host"]):
        return OTHER_ORIGIN
    if site not in ("", "same-origin", "none") and not _is_followed_link(method, headers):
        return OTHER_ORIGIN
    return ""


def is_own_host(host: str, allowed: Iterable[str] = (), names: Collection[str] = ()) -> bool:
    """Return whether a Host header is an address, or a name of this machine or of an allowed origin."""
    name, _ = _split(host)
    if not name:
        return False
    if is_address(name) or name in own_names() or name.endswith(".localhost") or name in names:
        return True
    return any(origin.startswith("http") and name == urlsplit(origin).hostname for origin in allowed)


def preflight(method: str, headers: Mapping[str, str], allowed: Collection[str]) -> dict[str, str] | None:
    """Return the headers of the answer to a browser that asks whether an allowed page may send a request.

    Return None for what is no such question. It is answered with a 204.
    """
    wanted = headers.get("access-control-request-method", "")
    if method != "OPTIONS" or not wanted or headers.get("origin", "").lower() not in allowed:
        return None
    answer = {
        "Access-Control-Allow-Origin": headers["origin"],
        "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
        "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
    }
    if _NAMES.fullmatch(wanted):
        answer["Access-Control-Allow-Methods"] = wanted
    if _NAMES.fullmatch(names := headers.get("access-control-request-headers", "")):
        answer["Access-Control-Allow-Headers"] = names
    if headers.get("access-control-request-private-network") == "true":
        answer["Access-Control-Allow-Private-Network"] = "true"
    return answer


def shared(origin: str, allowed: Collection[str], vary: str = "") -> dict[str, str]:
    """Return the headers with which a page of an allowed origin may read an answer; none for any other page.

    `vary` is the answer's own Vary.
    """
    if not origin or origin.lower() not in allowed:
        return {}
    varies = [name.strip() for name in vary.split(",") if name.strip()]
    if not {"origin", "*"} & {name.lower() for name in varies}:
        varies.append("Origin")
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "*",
        "Vary": ", ".join(varies),
    }


@lru_cache(maxsize=1)
def own_names() -> frozenset[str]:
    """Return the names under which browsers reach this machine, beside its addresses."""
    name = socket.gethostname().lower().rstrip(".")
    short = name.partition(".")[0]
    return frozenset({"localhost", *([name, short, f"{short}.local"] if short else [])})


def _is_to_unsafe_name(headers: Mapping[str, str]) -> bool:
    """Tell whether a browser sent a GET to a name that is neither https nor this machine's own.

    All browsers send Accept-Language. Of programs Node's fetch does so, with the Sec-Fetch-Mode that browsers send only
    beside a Sec-Fetch-Site, and programs on Apple's systems.
    """
    return "accept-language" in headers and "sec-fetch-mode" not in headers and not is_own_host(headers.get("host", ""))


def _is_followed_link(method: str, headers: Mapping[str, str]) -> bool:
    """Tell whether a person followed a link of another page: the answer is shown in a tab, and no page can read it."""
    is_tab = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return is_tab and method in ("GET", "HEAD")


def _is_same(origin: str, host: str) -> bool:
    """Tell whether an origin is that of the Host. Which scheme a proxy in front has cannot be told, and is believed."""
    scheme, _, rest = origin.lower().partition("://")
    default = _DEFAULT_PORTS.get(scheme)
    if default is None:
        return False
    (name, port), (own_name, own_port) = _split(rest), _split(host)
    return bool(name) and name == own_name and (port or default) == (own_port or default)


def _split(host: str) -> tuple[str, int]:
    """Return name and port; 0 where it names none, and an empty name for what is no Host."""
    match = _HOST.fullmatch(host.strip().lower())
    if not match:
        return "", 0
    return match[1].strip("[]").rstrip("."), int(match[2] or 0)
