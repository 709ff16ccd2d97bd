"""Who calls in these tests: the keys that there are, what keys.json says of them, and the credentials of the proxy.

Keys are made when the tests run: none is in the repository.
"""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from addons.callers.keys import PREFIX, sha256
from demo.fake_provider.messages import ReceivedRequest
from demo.fake_provider.server import FakeProvider
from tests.e2e.conftest import SECRET
from tests.e2e.providers.bedrock.clients import NO_AWS, PROXYS

_ENDED = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()

ENTRIES: dict[str, dict[str, Any]] = {
    "chatbot": {"team": "product", "app": "chatbot"},
    "team-only": {"team": "product"},
    "evals": {"team": "research"},
    "limited": {"team": "limited", "providers": ["anthropic", "openai"], "models": ["claude-haiku-*", "gpt-4o-mini"]},
    "disabled": {"team": "product", "disabled": True},
    "ended": {"team": "product", "expires": _ENDED},
}


def _key(id: str) -> str:
    """Return a key that is the same in every run, as the names of tests have to be, and in no file."""
    return PREFIX + base64.urlsafe_b64encode(hashlib.sha256(f"{id} {SECRET}".encode()).digest()).decode()[:43]


KEYS = {id: _key(id) for id in (*ENTRIES, "unknown")}

OWN = f"own-{SECRET}"
"""The credential that a caller has himself."""
CREDENTIALS = {
    "ANTHROPIC_API_KEY": f"anthropic-{SECRET}",
    "OPENAI_API_KEY": f"openai-{SECRET}",
    "AZURE_OPENAI_API_KEY": f"azure-{SECRET}",
    "AWS_BEARER_TOKEN_BEDROCK": f"bedrock-{SECRET}",
}
AWS = {"AWS_ACCESS_KEY_ID": "AKIAPROXY", "AWS_SECRET_ACCESS_KEY": PROXYS["AKIAPROXY"], **NO_AWS}
PUT_IN = {
    "anthropic": {"x-api-key": f"anthropic-{SECRET}"},
    "openai": {"authorization": f"Bearer openai-{SECRET}"},
    "azure": {"api-key": f"azure-{SECRET}"},
    "bedrock": {"authorization": f"Bearer bedrock-{SECRET}"},
}
"""What each provider gets of the proxy's."""
_SLOTS = ("authorization", "x-api-key", "api-key")


def entry(id: str, **values: Any) -> dict[str, Any]:
    return {"id": id, "sha256": sha256(KEYS[id]), **ENTRIES[id], **values}


def keys_file(**changes: dict[str, Any]) -> dict[str, Any]:
    """Return keys.json; `changes` are values of entries by their ids, with `_` for `-`."""
    return {"keys": [entry(id, **changes.get(id.replace("-", "_"), {})) for id in ENTRIES]}


def upstreams(fake: FakeProvider) -> dict[str, str]:
    return {
        "ANTHROPIC_BASE_URL": fake.url,
        "OPENAI_BASE_URL": fake.url + "/v1",
        "BEDROCK_ENDPOINT_URL": fake.url,
        "AZURE_OPENAI_ENDPOINT": fake.url,
    }


def credentials_in(request: ReceivedRequest) -> dict[str, str]:
    """Return what a provider got to tell who calls."""
    return {name: value for name in _SLOTS if (value := request.header(name)) is not None}


def encoded(user: str) -> str:
    return base64.b64encode(user.encode()).decode()


def traces() -> list[bytes]:
    """Return all forms in which a key may leave a trace: as it is, and the piece that any encoding of it has."""
    found = []
    for key in KEYS.values():
        found += [key.encode(), key[3:].encode()]
        # Base64 makes 4 characters of 3 bytes, from wherever the text begins.
        found += [base64.b64encode(key[start:].encode())[:40] for start in range(3)]
    return found


def assert_no_key(request: ReceivedRequest) -> None:
    """Check that a provider got nothing of ModelTrack's: no key in any form, and none of its headers."""
    seen = json.dumps([request.path, request.headers]).encode()
    assert not [trace for trace in traces() if trace in seen]
    assert b"modeltrack" not in seen.lower()
