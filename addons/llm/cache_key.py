"""Compute the cache key of a request: two requests with the same key can be given the same answer."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from operator import itemgetter
from typing import Any

import orjson

# These name something that the provider keeps and continues, so the same request gets another answer each time.
_STATE = frozenset({"conversation", "container"})

# Every header is part of the key but these, which are known not to shape an answer: credentials, tenants, guardrails
# and policies of gateways have any name. Nobody is given an answer that somebody else's key paid for.
_HARMLESS = frozenset(
    # lengths, encodings and connections
    b"accept-encoding connection content-encoding content-length date expect host keep-alive te trailer"
    b" transfer-encoding upgrade-insecure-requests"
    # the way that the request took
    b" forwarded via x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto x-real-ip"
    # who wrote the client
    b" user-agent x-app x-goog-api-client x-amz-user-agent"
    # what differs in each request, or traces it
    b" amz-sdk-invocation-id amz-sdk-request b3 baggage idempotency-key request-id sentry-trace traceparent tracestate"
    b" uber-trace-id x-amz-date x-amzn-trace-id x-client-request-id x-cloud-trace-context x-correlation-id x-request-id"
    b" x-trace-id"
    # who uses the client: ModelTrack's own attribution
    b" x-claude-code-agent-id x-claude-code-parent-agent-id x-claude-code-session-id".split()
)
_HARMLESS_BEGINNINGS = (b"x-b3-", b"x-datadog-", b"x-modeltrack-", b"x-stainless-")

_LARGE = 2.0**63
"""Whole numbers from here on are read as floats, which many of them share."""

SIGV4 = "AWS4-HMAC-SHA256 "


def credential(authorization: str) -> str:
    """Return the credential in an Authorization header; for a SigV4 signature, which always differs, its access key."""
    if not authorization.startswith(SIGV4):
        return authorization
    return SIGV4 + authorization.partition("Credential=")[2].partition("/")[0]


def key_headers(fields: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """Return the headers that are part of the key, sorted by lower-case name; headers of one name keep their order."""
    lower = ((name.lower(), value) for name, value in fields)
    found = [
        (name.decode("latin-1"), credential(value.decode("latin-1")))
        for name, value in lower
        if name not in _HARMLESS and not name.startswith(_HARMLESS_BEGINNINGS)
    ]
    return sorted(found, key=itemgetter(0))


def cache_key(
    provider: str,
    url: str,
    body: Mapping[str, Any],
    headers: list[tuple[str, str]],
    filing: Collection[str],
) -> bytes | None:
    """Return the SHA-256 of the upstream URL, the canonical body without its `filing` fields, and `key_headers`.

    Return None for a body that has no canonical form, and for one whose answer depends on what the provider keeps.
    """
    if not _STATE.isdisjoint(name for name, value in body.items() if value):
        return None
    asked = {name: value for name, value in body.items() if name not in filing and name != "stream"}
    try:
        canonical = orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)
        told = orjson.dumps([provider, url, headers])
    except (TypeError, RecursionError):  # an integer of more than 64 bits, or nesting that is too deep
        return None
    digest = hashlib.sha256(told)
    digest.update(canonical)
    return digest.digest()


def is_exact(body: Mapping[str, Any], text: bytes) -> bool:
    """Tell whether the body says all that its text does: no member came twice, and each number is the one written.

    Most SDKs write JSON as orjson does, and its text is the same again. Else the colons are counted: a parsed body
    lacks those of a member that came twice. A text with an escape that may hide one is taken to be inexact.
    """
    try:
        again = orjson.dumps(body)
    except (TypeError, RecursionError):
        return False
    if again == text:
        return True
    if text.find(b"\\") >= 0 and b"\\u003" in text:  # the first look is 40 times as fast
        return False
    return again.count(b":") == text.count(b":") and not _is_inexact(body)


def _is_inexact(value: object) -> bool:
    """Tell whether a number may stand for several: the seeds 2**64 + 1 and 2**64 + 2 are read as the same."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, dict):
            left.extend(item.values())
        elif isinstance(item, list):
            left.extend(item)
        elif type(item) is float and abs(item) >= _LARGE:
            return True
    return False
