"""The identity of an answer: two requests with the same key would be given the same one."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

# Who asks and how it is filed: no part of the answer, and often another value each time.
_UNIMPORTANT = frozenset({"metadata", "user", "safety_identifier", "prompt_cache_key", "stream"})
# The caller's credential, so that nobody is served what their own key did not buy, and what changes an answer's form.
KEY_HEADERS = (
    "authorization",
    "x-api-key",
    "api-key",
    "anthropic-version",
    "anthropic-beta",
    "openai-organization",
    "openai-project",
    "openai-beta",
)

SIGV4 = "AWS4-HMAC-SHA256 "


def credential(authorization: str) -> str:
    """Of a SigV4 signature, which is another one each time, the access key that made it."""
    if not authorization.startswith(SIGV4):
        return authorization
    return SIGV4 + authorization.partition("Credential=")[2].partition("/")[0]


def cache_key(provider: str, url: str, body: Mapping[str, Any], headers: Iterable[tuple[str, str]]) -> bytes | None:
    """SHA-256 over the upstream URL, the canonical body and the caller's credential; None where the body has no
    canonical form. `headers` are those of KEY_HEADERS that the request has, in their order.
    """
    asked = {name: value for name, value in body.items() if name not in _UNIMPORTANT}
    try:
        canonical = orjson.dumps([provider, url, asked, list(headers)], option=orjson.OPT_SORT_KEYS)
    except (TypeError, RecursionError):  # such as an integer of more than 64 bits, or nesting without end
        return None
    return hashlib.sha256(canonical).digest()
