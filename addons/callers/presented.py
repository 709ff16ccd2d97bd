"""Find what a request shows of who calls: a key of keys.json, and the user name and password of its URL.

A key is where the provider's would be (`Authorization: Bearer`, `x-api-key`, `api-key`), in `X-ModelTrack-Key`, or the
password of the base URL, which clients send as `Authorization: Basic`, or of the HTTPS_PROXY URL.
"""

import base64
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import unquote

from addons.callers.attribution import KEY_HEADER, clean
from addons.callers.keys import KEY_WITHIN, LIKE_KEY, PREFIX, digest_of

_PREFIX = PREFIX.encode()
_AUTHORIZATION = b"authorization"
_OF_PROXIES = b"proxy-authorization"
OF_PROVIDERS = frozenset({_AUTHORIZATION, b"x-api-key", b"api-key"})
"""The headers, by lower-case name, that have a provider's credential."""
SLOTS = OF_PROVIDERS | {KEY_HEADER.encode()}
"""The headers, by lower-case name, that may have a key."""

_MISPLACED = (
    "a ModelTrack key belongs into X-ModelTrack-Key, Authorization: Bearer, x-api-key or api-key, and nowhere else"
)


class Presented(NamedTuple):
    """Says what a request, or the CONNECT that its tunnel began with, shows of who calls."""

    digest: bytes | None = None
    """The SHA-256 of the key; None where there is none."""
    team: str = ""
    """The user name of the URL, which stands in for the team."""
    app: str = ""
    """The password of the URL, which stands in for the app."""
    shown_in: frozenset[bytes] = frozenset()
    """The headers, by lower-case name, that are for the proxy only."""


NOTHING = Presented()


def presented(fields: Sequence[tuple[bytes, bytes]], path: str = "", *, is_tunnelled: bool = False) -> Presented:
    """Return what the raw header fields of a request show.

    `path` is looked at for a key that must not be there. Basic credentials in a tunnel are the provider's host's own.
    Raises ValueError for two different keys, and for a key in a place where it would reach the provider.
    """
    values = b" ".join([value for _, value in fields])  # one look through all tells that most requests have neither
    has_key, has_user = _PREFIX in values, b"asic" in values or b"ASIC" in values
    digest: bytes | None = None
    team = app = ""
    shown_in: list[bytes] = []
    if has_key:
        seen = 0
        for name, value in fields:
            if (lower := name.lower()) in SLOTS and _PREFIX in value:
                seen += value.count(_PREFIX)
                if key := _key_in(lower, value.decode("latin-1").strip()):
                    digest = _same(digest, digest_of(key))
                    shown_in.append(lower)
        if seen < values.count(_PREFIX) and any(map(KEY_WITHIN.search, _others(fields))):
            raise ValueError(_MISPLACED)
    if has_user:
        for name, value in fields:
            if value[:5].lower() == b"basic" and (lower := name.lower()) in (_AUTHORIZATION, _OF_PROXIES):
                if lower == _OF_PROXIES:  # it is for a CONNECT, and taken out of other requests
                    shown_in.append(lower)
                    continue
                user = url_user(value.decode("latin-1"))
                if key := _key_of(user):  # beside which the user name only fills a place
                    digest = _same(digest, digest_of(key))
                elif is_tunnelled:
                    continue  # the provider's host's own
                else:
                    team, app = user
                shown_in.append(_AUTHORIZATION)
    if (PREFIX in path or "%" in path) and KEY_WITHIN.search(unquote(path)):
        raise ValueError(_MISPLACED)
    return Presented(digest, team, app, frozenset(shown_in)) if shown_in else NOTHING


def of_proxy(header: str) -> Presented:
    """Return what the Proxy-Authorization header of a CONNECT shows."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() == "bearer" and LIKE_KEY.fullmatch(token.strip()):
        return Presented(digest_of(token.strip()))
    user = url_user(header)
    key = _key_of(user)
    return Presented(digest_of(key)) if key else Presented(None, *user)


def url_user(header: str) -> tuple[str, str]:
    """Return the user name and password of Basic credentials, as clients send those of a URL; "" for anything else."""
    scheme, value = (*header.split(None, 1), "", "")[:2]
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except ValueError:  # of base64 and of UTF-8
        return "", ""
    return clean(user), clean(password)


def _key_of(user: tuple[str, str]) -> str:
    """Return the key that a URL has as its password, or as its user name; "" where there is none.

    A name with a key in it counts as a key, a wrong one: names are written down.
    """
    return next((part for part in reversed(user) if LIKE_KEY.fullmatch(part) or KEY_WITHIN.search(part)), "")


def _key_in(name: bytes, value: str) -> str:
    """Return the key in the value of one of SLOTS, "" if there is none. Raises ValueError for one in a wrong form."""
    if name == _AUTHORIZATION:
        scheme, _, token = value.partition(" ")
        key = token.strip() if scheme.lower() == "bearer" else ""
    else:
        key = value
    if LIKE_KEY.fullmatch(key):
        return key
    if KEY_WITHIN.search(value):
        raise ValueError(_MISPLACED)
    return ""


def _others(fields: Sequence[tuple[bytes, bytes]]) -> Iterator[str]:
    """Yield the values of the headers that are no place for a key."""
    return (value.decode("latin-1") for name, value in fields if name.lower() not in SLOTS)


def _same(earlier: bytes | None, digest: bytes) -> bytes:
    if earlier is not None and earlier != digest:
        raise ValueError("two different ModelTrack keys came with it")
    return digest
