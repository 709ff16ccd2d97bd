"""Start a proxy before a Bedrock on loopback, for clients that are told nothing by the machine."""

from collections.abc import Callable, Iterator

import pytest

from demo.fake_provider.server import FakeProvider
from tests.e2e.conftest import Proxy
from tests.e2e.providers.bedrock.clients import NO_AWS, PROXYS

RULES = {
    "rules": [
        {
            "name": "cheaper",
            "trigger": "budget_percent_above",
            "threshold": 0,
            "from_models": ["claude-sonnet-4-6"],
            "to_model": "claude-haiku-4-5",
            "provider": "bedrock",
        }
    ]
}
BUDGETS = {"budgets": [{"team": "thrifty", "monthly_limit": 1000, "action": "warn"}]}


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeProvider]:
    with FakeProvider(input_tokens=200, cache_read=300, cache_write=500) as provider:
        yield provider


@pytest.fixture(scope="module")
def proxy(make_proxy: Callable[..., Proxy], fake: FakeProvider) -> Proxy:
    """Return a proxy in another region than its clients, at an endpoint with a path prefix."""
    return make_proxy(
        files={"budgets.json": BUDGETS, "routing.json": RULES},
        BEDROCK_ENDPOINT_URL=fake.url + "/prefix",
        BEDROCK_REGION="eu-west-1",
        AWS_ACCESS_KEY_ID="AKIAPROXY",
        AWS_SECRET_ACCESS_KEY=PROXYS["AKIAPROXY"],
        MAX_REQUEST_BYTES="100000",
        **NO_AWS,
    )


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clients' configuration is what the tests say."""
    for name, value in NO_AWS.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
