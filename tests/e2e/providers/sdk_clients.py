"""The SDKs' clients, as the tests of what they are billed use them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anthropic
import openai

from tests.e2e.conftest import KEY, PROMPT, Proxy

DATED = "2024-10-21"
MESSAGES: Any = [{"role": "user", "content": PROMPT}]


@dataclass(frozen=True)
class Told:
    """Holds what an SDK is told, besides its key."""

    base_url: str
    headers: dict[str, str]


def told(url: str, app: str = "direct", fake: str = "cache_read=300") -> Told:
    headers = {"X-ModelTrack-Team": "providers", "X-ModelTrack-App": app, "X-ModelTrack-No-Cache": "1", "X-Fake": fake}
    return Told(url, headers)


def openai_client(to: Told) -> openai.OpenAI:
    return openai.OpenAI(api_key=KEY, base_url=to.base_url + "/v1", default_headers=to.headers, max_retries=0)


def azure_client(to: Told, version: str = DATED) -> openai.AzureOpenAI:
    return openai.AzureOpenAI(
        api_key=KEY, azure_endpoint=to.base_url, api_version=version, default_headers=to.headers, max_retries=0
    )


def only_event(proxy: Proxy, app: str) -> dict[str, Any]:
    [event] = proxy.events(team="providers", app_id=app)
    return event


def foundry(to: Told) -> anthropic.AnthropicFoundry:
    url = to.base_url + "/anthropic"
    return anthropic.AnthropicFoundry(api_key=KEY, base_url=url, default_headers=to.headers, max_retries=0)


def claude(to: Told) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key=KEY, base_url=to.base_url, default_headers=to.headers, max_retries=0)


def same_as_direct(call: Callable[[Any], Any], through: Any, direct: Any) -> None:
    with through, direct:
        assert call(through) == call(direct)
