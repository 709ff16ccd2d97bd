"""Decide who a request is for: by its key, its headers, the user of its URL, and what stands in for them."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from addons.callers.attribution import KEY_HEADER, Attribution, attribute, said_by
from addons.callers.keys import Key, KeysFile
from addons.callers.presented import Presented
from addons.ledger.names import compared


class UnknownKey(Exception):
    """The request shows no key that is valid now, and needs one."""


class Contradiction(Exception):
    """A header says something else than the key. The text names both."""


class Caller(NamedTuple):
    who: Attribution
    key: Key | None = None
    digest: bytes | None = None
    """The SHA-256 of the key, to look it up again while a connection lasts."""


def caller(
    shown: Presented,
    opened: Presented,
    headers: Mapping[str, str],
    keys: KeysFile,
    now: datetime,
    default_team: str,
    *,
    needs_key: bool,
) -> Caller:
    """Return who a request is for.

    `shown` is what the request shows, `opened` what the CONNECT did that its tunnel began with; the request's own key
    comes first. `headers` are those of `own_headers`. Raises UnknownKey, and Contradiction for a header that says
    something else than the key.
    """
    digest = shown.digest or opened.digest
    if digest is None:
        if needs_key or KEY_HEADER in headers:
            raise UnknownKey
        user = (shown.team or opened.team, shown.app or opened.app)
        return Caller(attribute(headers, default_team, user))
    key = keys.find(digest, now)
    if key is None:
        raise UnknownKey
    return of_key(key, headers, digest)


def of_key(key: Key, headers: Mapping[str, str], digest: bytes | None = None) -> Caller:
    """Return who the key says that the caller is; the headers fill what it leaves open. Raises Contradiction."""
    fixed = key.says
    for name, said in said_by(headers).items():
        if name in fixed and compared(said) != compared(fixed[name]):
            label = name.replace("_", " ")
            raise Contradiction(
                f"The key {key.id!r} is for the {label} {fixed[name]!r}, and the request says {said!r}: leave that out."
            )
    return Caller(attribute(headers, "", fixed={**fixed, "key_id": key.id}), key, digest)
