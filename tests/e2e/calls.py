"""Make calls as a client does that has no SDK."""

import json
from typing import Any

import requests

from demo.fake_provider.server import FakeProvider
from tests.e2e.conftest import KEY, PROMPT, Proxy

ANTHROPIC, OPENAI = "/v1/messages", "/v1/chat/completions"
_MODELS = {ANTHROPIC: "claude-sonnet-4-6", OPENAI: "gpt-4o"}


def send(url: str, content: Any, *, keep_open: bool = False, **headers: str) -> requests.Response:
    """POST bytes as they are, and anything else as JSON; `keep_open` leaves the answer's body to be read."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    usual = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    return requests.post(url, data=data, headers=usual | headers, stream=keep_open, timeout=60)


def post(
    proxy: Proxy | FakeProvider,
    team: str = "",
    app: str = "",
    path: str = ANTHROPIC,
    *,
    fake: str = "",
    may_be_cached: bool = False,
    keep_open: bool = False,
    headers: dict[str, str] | None = None,
    **body: Any,
) -> requests.Response:
    """Send a prompt for a team and an app; `fake` is for the fake provider, `body` what differs in the body."""
    names = {"X-ModelTrack-Team": team, "X-ModelTrack-App": app, "X-Fake": fake}
    names |= {} if may_be_cached else {"X-ModelTrack-No-Cache": "1"}
    usual = {"model": _MODELS.get(path), "max_tokens": 200, "messages": [{"role": "user", "content": PROMPT}]}
    return send(proxy.url + path, usual | body, keep_open=keep_open, **names | (headers or {}))
