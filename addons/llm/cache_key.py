"""Compute the cache key of a request: two requests with the same key can be given the same answer."""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

import orjson

# These name something that the provider keeps and continues, so the same request gets another answer each time.
_STATE = frozenset({"conversation", "container"})
# These headers change the form of an answer.
_FORM = frozenset({"anthropic-version", "anthropic-beta", "openai-organization", "openai-project", "openai-beta"})
# The caller's credential is part of the key, so that nobody gets an answer that somebody else's key paid for. It is in
# Authorization, x-api-key or api-key, or in what a gateway behind a base URL wants, such as cf-aig-authorization or a
# cookie.
_CREDENTIAL = re.compile(r"auth|key|token|secret|cookie|credential")
# Differs in each request, though its name matches the pattern above.
_NEVER_TWICE = frozenset({"idempotency-key"})

SIGV4 = "AWS4-HMAC-SHA256 "


def credential(authorization: str) -> str:
    """Return the credential in an Authorization header; for a SigV4 signature, which always differs, its access key."""
    if not authorization.startswith(SIGV4):
        return authorization
    return SIGV4 + authorization.partition("Credential=")[2].partition("/")[0]


def key_headers(fields: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """Return the headers that are part of the key, sorted by lower-case name; headers of one name keep their order."""
    found = ((name, value) for raw, value in fields if (name := _key_name(raw)))
    return sorted(((name, credential(value.decode("latin-1"))) for name, value in found), key=lambda item: item[0])


@lru_cache(maxsize=1024)
def _key_name(raw: bytes) -> str:
    """Return the header's name in lower case, or "" where the header is not part of the key."""
    name = raw.decode("latin-1").lower()
    return name if name in _FORM or (name not in _NEVER_TWICE and _CREDENTIAL.search(name)) else ""


def cache_key(
    provider: str, url: str, body: Mapping[str, Any], headers: list[tuple[str, str]], filing: Collection[str]
) -> bytes | None:
    """Return the SHA-256 of the upstream URL, the canonical body without its `filing` fields, and `key_headers`.

    Return None for a body that has no canonical form, and for one whose answer depends on what the provider keeps.
    """
    if not _STATE.isdisjoint(name for name, value in body.items() if value):
        return None
    asked = {name: value for name, value in body.items() if name not in filing and name != "stream"}
    try:
        canonical = orjson.dumps([provider, url, asked, headers], option=orjson.OPT_SORT_KEYS)
    except (TypeError, RecursionError):  # an integer of more than 64 bits, or nesting that is too deep
        return None
    return hashlib.sha256(canonical).digest()
