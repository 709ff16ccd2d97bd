"""Find what a request shows of who calls: a key of keys.json, and the user name and password of its URL.

A key is where the provider's would be (`Authorization: Bearer`, `x-api-key`, `api-key`), in `X-ModelTrack-Key`, or the
password of the base URL, which clients send as `Authorization: Basic`, or of the HTTPS_PROXY URL.
"""

import base64
from collections.abc import Sequence
from typing import NamedTuple

from addons.callers.attribution import KEY_HEADER, clean
from addons.callers.keys import KEY, KEY_WITHIN, PREFIX, digest_of

_PREFIX = PREFIX.encode()
_AUTHORIZATION = b"authorization"
_SLOTS = frozenset({b"x-api-key", b"api-key", KEY_HEADER.encode()})

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
    has_key, has_user = _PREFIX in values, b"asic " in values and not is_tunnelled
    digest: bytes | None = None
    team = app = ""
    shown_in: list[bytes] = []
    if has_key:
        for name, value in fields:
            if _PREFIX in value and (key := _key_in(name.lower(), value.decode("latin-1").strip())):
                digest = _same(digest, digest_of(key))
                shown_in.append(name.lower())
    if has_user:
        for name, value in fields:
            if value[:6].lower() == b"basic " and name.lower() == _AUTHORIZATION:
                shown_in.append(_AUTHORIZATION)
                team, app = url_user(value.decode("latin-1"))
                if KEY.fullmatch(key := app or team):
                    team = app = ""  # beside a key, the user name only fills a place
                    digest = _same(digest, digest_of(key))
    if PREFIX in path and KEY_WITHIN.search(path):
        raise ValueError(_MISPLACED)
    return Presented(digest, team, app, frozenset(shown_in)) if shown_in else NOTHING


def of_proxy(header: str) -> Presented:
    """Return what the Proxy-Authorization header of a CONNECT shows."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() == "bearer" and KEY.fullmatch(token.strip()):
        return Presented(digest_of(token.strip()))
    team, app = url_user(header)
    if KEY.fullmatch(key := app or team):
        return Presented(digest_of(key))
    return Presented(None, team, app)


def url_user(header: str) -> tuple[str, str]:
    """Return the user name and password of Basic credentials, as clients send those of a URL; "" for anything else."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:  # of base64 and of UTF-8
        return "", ""
    return clean(user), clean(password)


def _key_in(name: bytes, value: str) -> str:
    """Return the key in a header's value, "" if there is none. Raises ValueError for one in a wrong header."""
    if name == _AUTHORIZATION:
        scheme, _, token = value.partition(" ")
        key = token.strip() if scheme.lower() == "bearer" else ""
    else:
        key = value if name in _SLOTS else ""
    if KEY.fullmatch(key):
        return key
    if KEY_WITHIN.search(value):
        raise ValueError(_MISPLACED)
    return ""


def _same(earlier: bytes | None, digest: bytes) -> bytes:
    if earlier is not None and earlier != digest:
        raise ValueError("two different ModelTrack keys came with it")
    return digest
