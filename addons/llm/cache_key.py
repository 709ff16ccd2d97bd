"""The identity of an answer: two requests with the same key would be given the same one."""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

import orjson

# What a provider keeps and goes on from: the answer is another one each time.
_STATE = frozenset({"conversation", "container"})
# Headers that change an answer's form.
_FORM = frozenset({"anthropic-version", "anthropic-beta", "openai-organization", "openai-project", "openai-beta"})
# The caller's credential, so that nobody is served what their own key did not buy: a provider's Authorization,
# x-api-key, api-key, and what a gateway behind a base URL may want instead, such as cf-aig-authorization or a cookie.
_CREDENTIAL = re.compile(r"auth|key|token|secret|cookie|credential")
_NEVER_TWICE = frozenset({"idempotency-key"})

SIGV4 = "AWS4-HMAC-SHA256 "


def credential(authorization: str) -> str:
    """Of a SigV4 signature, which is another one each time, the access key that made it."""
    if not authorization.startswith(SIGV4):
        return authorization
    return SIGV4 + authorization.partition("Credential=")[2].partition("/")[0]


def key_headers(fields: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """Those of a request's headers that its key is made of, by lower-case name, those of one name in their order."""
    found = ((name, value) for raw, value in fields if (name := _key_name(raw)))
    return sorted(((name, credential(value.decode("latin-1"))) for name, value in found), key=lambda item: item[0])


@lru_cache(maxsize=1024)
def _key_name(raw: bytes) -> str:
    """ "" for a header that is no part of the key."""
    name = raw.decode("latin-1").lower()
    return name if name in _FORM or (name not in _NEVER_TWICE and _CREDENTIAL.search(name)) else ""


def cache_key(
    provider: str, url: str, body: Mapping[str, Any], headers: list[tuple[str, str]], filing: Collection[str]
) -> bytes | None:
    """SHA-256 over the upstream URL, the canonical body without its `filing` fields, and `key_headers`; None for a body
    that has no canonical form, and for one whose answer depends on more than itself.
    """
    if not _STATE.isdisjoint(name for name, value in body.items() if value):
        return None
    asked = {name: value for name, value in body.items() if name not in filing and name != "stream"}
    try:
        canonical = orjson.dumps([provider, url, asked, headers], option=orjson.OPT_SORT_KEYS)
    except (TypeError, RecursionError):  # such as an integer of more than 64 bits, or nesting without end
        return None
    return hashlib.sha256(canonical).digest()
