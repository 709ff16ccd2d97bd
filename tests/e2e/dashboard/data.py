"""Make what the dashboard shows: events of a real proxy and of the month before."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import requests

from modeltrack_api.app import utc_now
from tests.e2e.conftest import Proxy
from tests.e2e.providers.sdk_clients import MESSAGES, Told, claude
from tests.modeltrack_api.serving import event

HOSTILE = "<img src=x onerror=alert(1)>"
HOSTILE_MODEL = '<a href="//x.y">m</a>'
BUDGETS = {
    "budgets": [
        {"team": "product", "app": "chatbot", "monthly_limit": 1.0, "action": "warn"},
        {"team": "platform", "app": "", "monthly_limit": 0.05, "action": "warn"},
        {"team": "lab", "app": "", "monthly_limit": 5, "action": "warn"},
    ]
}
# View, a text of it that only data can have brought, and its number of charts.
VIEWS = [
    ("overview", "claude-sonnet-4-6", 1),
    ("models", "us.anthropic.claude-sonnet-4-6", 1),
    ("teams", "product / chatbot", 1),
    ("users", "ann", 0),
    ("features", "rerank", 0),
    ("features/rerank", "gpt-4o-mini", 1),
    ("sessions", "real-session", 0),
    ("sessions/real-session", "claude-haiku-4-5", 0),
    ("prompts", "chat-v0", 0),
    ("forecast", "The trend goes on", 1),
    ("estimator", "A month with the cache", 0),
    ("reports", "claude-opus-4-6", 1),
    ("alerts", "my-deployment", 0),
    ("infrastructure", "ec2", 1),
    ("live", "real-session", 0),
]


def infrastructure(days: int) -> Iterator[dict[str, Any]]:
    for n in range(days):
        day = f"{utc_now() - timedelta(days=n):%Y-%m-%d}T00:00:00.000000Z"
        same = {"timestamp": day, "provider": "aws", "service": "ec2", "team": "platform"}
        yield {**same, "event_id": str(uuid4()), "event_type": "aws_infrastructure", "cost_usd": 0.5 + n % 7 / 10}
        gpu = {"resource_id": "i-0abc", "gpu_type": "h100", "gpu_utilization_pct": 62.5, "cost_usd": None}
        yield {**same, "event_id": str(uuid4()), "event_type": "gpu_compute", **gpu}


def unpriced() -> Iterator[dict[str, Any]]:
    """Yield calls of a team of which none has a known price, and of one of which some have, or have one in part."""
    at = f"{utc_now() - timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}"
    lab = {"timestamp": at, "team": "lab", "app_id": "probe", "feature": "probing", "session_id": "lab-session"}
    lab |= {"user": "bob", "key_id": "lab-1"}
    yield event(**lab, model="lab-model", cost_usd=None)
    yield event(**lab, model="lab-model", cost_usd=None, input_tokens=70)
    yield event(**lab, model="lab-model", cost_usd=0, cache_hit=True, input_tokens=4000, output_tokens=321)
    parts = {"reasoning_tokens": 3, "audio_input_tokens": 6, "cache_read_tokens": 8765}
    yield event(timestamp=at, team="studio", model="gpt-studio", cost_usd=2.5, **parts)
    yield event(timestamp=at, team="studio", model="gpt-studio", cost_usd=None)
    yield event(timestamp=at, team="studio", model="gpt-studio", cost_usd=1.0, unpriced_usage=["usage.searches"])


def call(proxy: Proxy, team: str, app: str, session: str = "", tokens: str = "", user: str = "") -> None:
    """A real one, of 1000 and 200 tokens unless the fake provider is told otherwise."""
    headers = {"X-ModelTrack-Team": team, "X-ModelTrack-App": app, "X-ModelTrack-No-Cache": "1", "X-Fake": tokens}
    more = {"X-ModelTrack-Session-Id": session, "X-ModelTrack-User": user}
    with claude(Told(proxy.url, headers | {name: value for name, value in more.items() if value})) as client:
        client.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=MESSAGES)


def data_of(url: str, path: str) -> Any:
    return requests.get(url + path, timeout=10).json()["data"]
