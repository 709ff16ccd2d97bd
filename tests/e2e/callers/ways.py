"""The ways into the proxy: each makes one call in one way, with whatever shows who calls."""

import json
from dataclasses import dataclass, field
from typing import Any

import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.e2e.callers.people import OWN
from tests.e2e.conftest import PROMPT, Proxy
from tests.e2e.providers.bedrock.clients import CLAUDE, CONVERSATION, US
from tests.e2e.websocket.talk import last_of, request

_MESSAGES = [{"role": "user", "content": PROMPT}]
MESSAGE = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": _MESSAGES}
CHAT = {"model": "gpt-4o-mini", "messages": _MESSAGES}


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any


@dataclass(frozen=True)
class Way:
    provider: str
    path: str
    body: Any
    own: dict[str, str]
    """The header with the caller's own credential, as this provider's clients send it."""
    host: str = ""
    """The provider's host, for a way through HTTPS_PROXY."""
    is_socket: bool = False
    more: dict[str, str] = field(default_factory=dict)

    def call(self, proxy: Proxy, headers: dict[str, str], user: str = "", bundle: str = "") -> Answer:
        """Make one call; `user` is the user name and password of the base URL, or of the HTTPS_PROXY URL."""
        headers = {"X-ModelTrack-No-Cache": "1", **self.more, **headers}
        address = proxy.url.removeprefix("http://")
        own = f"{user}@{address}" if user else address
        if self.is_socket:
            return _talk(f"ws://{own}{self.path}", headers)
        with requests.Session() as session:
            session.trust_env = False
            if self.host:
                session.proxies, session.verify = {"https": f"http://{own}"}, bundle
                try:
                    got = session.post(f"https://{self.host}{self.path}", json=self.body, headers=headers, timeout=60)
                except requests.exceptions.ProxyError as error:
                    return Answer(407 if "407" in str(error) else 0, {"error": {"message": str(error)}})
            else:
                got = session.post(f"http://{own}{self.path}", json=self.body, headers=headers, timeout=60)
        return Answer(got.status_code, got.json())


def _talk(url: str, headers: dict[str, str]) -> Answer:
    try:
        with connect(url, additional_headers=headers, proxy=None) as socket:
            socket.send(request(model="gpt-4o-mini"))
            last = last_of(socket)
    except InvalidStatus as error:
        return Answer(error.response.status_code, json.loads(error.response.body or b""))
    return Answer(200 if last["type"] == "response.completed" else last["status"], last)


_BEARER, _X_API_KEY, _API_KEY = {"authorization": f"Bearer {OWN}"}, {"x-api-key": OWN}, {"api-key": OWN}
_VERSION = {"anthropic-version": "2023-06-01"}

WAYS: dict[str, Way] = {
    "anthropic": Way("anthropic", "/v1/messages", MESSAGE, _X_API_KEY, more=_VERSION),
    "openai": Way("openai", "/v1/chat/completions", CHAT, _BEARER),
    "invoke": Way("bedrock", f"/bedrock/model/{US}/invoke", CLAUDE, _BEARER),
    "converse": Way("bedrock", f"/bedrock/model/{US}/converse", {"messages": CONVERSATION}, _BEARER),
    "azure": Way(
        "azure", "/azure/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21", CHAT, _API_KEY
    ),
    "azure v1": Way("azure", "/azure/v1/chat/completions", CHAT, _API_KEY),
    "tunnel to anthropic": Way("anthropic", "/v1/messages", MESSAGE, _X_API_KEY, "api.anthropic.com", more=_VERSION),
    "tunnel to openai": Way("openai", "/v1/chat/completions", CHAT, _BEARER, "api.openai.com"),
    "websocket": Way("openai", "/v1/responses", None, _BEARER, is_socket=True),
}
