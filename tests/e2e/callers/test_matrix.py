"""Each way in, with each source of identity, in each mode: who is billed, what the provider gets, who is refused."""

from dataclasses import dataclass, field

import pytest
import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from demo.fake_provider.server import FakeProvider
from tests.e2e.callers.conftest import MODES
from tests.e2e.callers.people import KEYS, PUT_IN, assert_no_key, credentials_in
from tests.e2e.callers.ways import WAYS, Way
from tests.e2e.conftest import Proxy, until
from tests.e2e.providers.bedrock.clients import US

KEY = KEYS["chatbot"]


@dataclass(frozen=True)
class Source:
    """What a request shows of who calls."""

    headers: dict[str, str] = field(default_factory=dict)
    user: str = ""
    has_key: bool = False
    has_own: bool = True
    """Whether the caller's own credential comes as well, in the provider's header."""


NAMES = {"X-ModelTrack-Team": "PRODUCT", "X-ModelTrack-App": "chatbot"}
SOURCES: dict[str, Source] = {
    "nothing": Source(),
    "headers": Source(NAMES),
    "user": Source(user="product:chatbot"),
    "bearer": Source({"Authorization": f"Bearer {KEY}"}, has_key=True, has_own=False),
    "x-api-key": Source({"x-api-key": KEY}, has_key=True, has_own=False),
    "api-key": Source({"api-key": KEY}, has_key=True, has_own=False),
    "own header": Source({"X-ModelTrack-Key": KEY}, has_key=True, has_own=False),
    "beside own": Source({"X-ModelTrack-Key": KEY}, has_key=True),
    "and headers": Source({"X-ModelTrack-Key": KEY, **NAMES}, has_key=True, has_own=False),
    "password": Source(user=f"anybody:{KEY}", has_key=True, has_own=False),
}


def expected_status(mode: str, source: Source) -> int:
    if source.has_key:
        return 200
    if mode == "keys":
        return 401
    return 403 if mode == "known" and not source.headers and not source.user else 200


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_who_is_billed_and_what_the_provider_gets(
    proxies: dict[str, Proxy], fake: FakeProvider, bundle: str, way: Way, source: Source, mode: str
) -> None:
    proxy = proxies[mode]
    own = way.own if source.has_own else {}
    if source.user and not way.host:  # of the base URL: clients send it in the place of a Bearer token
        own = {name: value for name, value in own.items() if name != "authorization"}
    before = len(proxy.events())
    answer = way.call(proxy, {**own, **source.headers}, source.user, bundle)
    status = expected_status(mode, source)
    assert answer.status == status, answer.body
    if status != 200:
        kind = "authentication_error" if status == 401 else "unknown_team"
        assert kind in str(answer.body) or "invalid_api_key" in str(answer.body)
        assert fake.requests == [] and KEY not in str(answer.body)
        assert len(proxy.events()) == before
        return
    [event] = until(lambda: proxy.events()[before:])
    names = ("Product", "chatbot") if source != SOURCES["nothing"] else ("", "")
    assert (event.get("team", ""), event.get("app_id", "")) == names
    assert event["provider"] == way.provider and event["cost_usd"] > 0
    assert event.get("key_id") == ("chatbot" if source.has_key else None)
    assert KEY not in str(event)
    for request in fake.requests:
        assert_no_key(request)
        if request.method != "MESSAGE":
            assert credentials_in(request) == (own or (PUT_IN[way.provider] if source.has_key else {}))


@pytest.mark.parametrize(("name", "provider"), [("x-api-key", "anthropic"), ("Authorization", "openai")])
def test_where_the_path_does_not_tell_the_provider_the_header_of_the_key_does(
    keys_only: Proxy, fake: FakeProvider, name: str, provider: str
) -> None:
    value = KEY if name == "x-api-key" else f"Bearer {KEY}"
    assert requests.get(f"{keys_only.url}/v1/models", headers={name: value}, timeout=60).ok
    assert credentials_in(fake.requests[0]) == PUT_IN[provider]


UNTRACKED = [
    ("GET", "/v1/models", "anthropic", {"anthropic-version": "2023-06-01"}),
    ("POST", "/v1/files", "openai", {}),
    ("DELETE", "/v1/files/file-1", "openai", {}),
    ("POST", f"/bedrock/model/{US}/count-tokens", "bedrock", {}),
    ("GET", "/azure/openai/v1/models", "azure", {}),
]


@pytest.mark.parametrize(("method", "path", "provider", "headers"), UNTRACKED, ids=[path for _, path, *_ in UNTRACKED])
def test_requests_that_are_not_metered_need_a_key_and_get_the_credential_too(
    keys_only: Proxy, fake: FakeProvider, method: str, path: str, provider: str, headers: dict[str, str]
) -> None:
    def ask(**shown: str) -> int:
        body = b"{}" if method == "POST" else None
        return requests.request(
            method, keys_only.url + path, data=body, headers=headers | shown, timeout=60
        ).status_code

    assert (ask(), ask(Authorization="Bearer mine"), fake.requests) == (401, 401, [])
    assert ask(Authorization=f"Bearer {KEY}") in (200, 404)  # the fake provider has no files
    [request] = fake.requests
    assert_no_key(request)
    assert credentials_in(request) == PUT_IN[provider]


def test_so_does_a_websocket_that_is_only_passed_on(keys_only: Proxy, fake: FakeProvider) -> None:
    url = keys_only.url.replace("http", "ws") + "/v1/realtime?model=gpt-realtime"
    with connect(url, additional_headers={"Authorization": f"Bearer {KEY}"}, proxy=None):
        [request] = fake.requests
    assert_no_key(request)
    assert credentials_in(request) == PUT_IN["openai"]
    with pytest.raises(InvalidStatus, match="401"):
        connect(url, proxy=None)
    assert len(fake.requests) == 1
