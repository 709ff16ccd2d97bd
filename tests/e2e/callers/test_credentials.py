"""The proxy's credentials: two accounts of one provider, files that change, what is missing, and who sees them."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
import requests
from mitmproxy.io import FlowReader

from demo.fake_provider.server import FakeProvider
from demo.processes import api as running_api
from tests.e2e.callers.people import (
    AWS,
    CREDENTIALS,
    KEYS,
    PUT_IN,
    assert_no_key,
    credentials_in,
    keys_file,
    traces,
    upstreams,
)
from tests.e2e.callers.ways import WAYS, Answer
from tests.e2e.conftest import SECRET, Proxy, replace, until
from tests.e2e.live.web import Web
from tests.e2e.providers.bedrock.clients import PROXYS
from tests.e2e.providers.sigv4 import signer_of


def call(proxy: Proxy, id: str, way: str = "openai", bundle: str = "") -> Answer:
    return WAYS[way].call(proxy, {"X-ModelTrack-Key": KEYS[id]}, bundle=bundle)


class Accounts(NamedTuple):
    proxy: Proxy
    file: Path
    """Has the credential of the key `team-only` for OpenAI."""
    own: Path
    """Has the proxy's own for Anthropic."""


@pytest.fixture(scope="module")
def accounts(start: Callable[..., Proxy], tmp_path_factory: pytest.TempPathFactory) -> Accounts:
    folder = tmp_path_factory.mktemp("secrets")
    file, own = folder / "openai", folder / "anthropic"
    file.write_text(f"file-{SECRET}\n")
    own.write_text(f"own-file-{SECRET}\n")
    entries = keys_file(
        evals={"credentials": {"openai": "env:OPENAI_OF_RESEARCH", "azure": "env:NOT_SET"}},
        team_only={"credentials": {"openai": f"file:{file}"}},
    )
    variables = {"ANTHROPIC_API_KEY": "", "ANTHROPIC_API_KEY_FILE": str(own), "AZURE_OPENAI_API_KEY": ""}
    variables |= {"AWS_BEARER_TOKEN_BEDROCK": "", "OPENAI_OF_RESEARCH": f"research-{SECRET}"}
    return Accounts(start(CALLERS="keys", files={"keys.json": entries}, **variables), file, own)


def test_two_keys_use_two_accounts_of_one_provider(accounts: Accounts, fake: FakeProvider) -> None:
    for id in ("chatbot", "evals", "team-only"):
        assert call(accounts.proxy, id).status == 200
    bearers = [f"Bearer {account}-{SECRET}" for account in ("openai", "research", "file")]
    assert [credentials_in(request) for request in fake.requests] == [{"authorization": bearer} for bearer in bearers]


@pytest.mark.parametrize("way", ["openai", "websocket"])
def test_a_file_that_is_replaced_counts_without_a_restart(accounts: Accounts, fake: FakeProvider, way: str) -> None:
    def is_sent(credential: str) -> bool:
        fake.clear()
        assert call(accounts.proxy, "team-only", way).status == 200
        return credentials_in(fake.requests[0]) == {"authorization": f"Bearer {credential}"}

    for name in (f"{way}-new", "file"):
        replace(accounts.file, f"{name}-{SECRET}")
        until(partial(is_sent, f"{name}-{SECRET}"))
    assert "a new credential is in force" in accounts.proxy.log


def test_so_does_one_of_the_proxys_own(accounts: Accounts, fake: FakeProvider) -> None:
    assert call(accounts.proxy, "chatbot", "anthropic").status == 200
    assert credentials_in(fake.requests[0]) == {"x-api-key": f"own-file-{SECRET}"}


@pytest.mark.parametrize(
    ("id", "way", "where"),
    [
        ("chatbot", "azure", "the variable AZURE_OPENAI_API_KEY or AZURE_OPENAI_API_KEY_FILE"),
        ("evals", "azure v1", "the variable NOT_SET has no credential for azure"),
    ],
)
def test_one_that_is_missing_is_a_503_that_names_it(
    accounts: Accounts, fake: FakeProvider, id: str, way: str, where: str
) -> None:
    answer = call(accounts.proxy, id, way)
    assert answer.status == 503 and where in answer.body["error"]["message"]
    assert fake.requests == []


def test_a_key_without_bedrocks_token_is_signed_for(accounts: Accounts, fake: FakeProvider) -> None:
    for way in ("invoke", "converse"):
        assert call(accounts.proxy, "chatbot", way).status == 200
    for request in fake.requests:
        assert_no_key(request)
        assert signer_of(request, PROXYS)[0] == "AKIAPROXY"


PAGES = ("/stats", "/metrics", "/modeltrack/me")
ANSWERS = ("/api/events", "/api/keys", "/api/teams", "/api/spend/summary", "/api/reports/executive", "/metrics")


def test_the_proxys_pages_and_the_api_know_a_key_by_its_id(accounts: Accounts) -> None:
    proxy = accounts.proxy
    assert call(proxy, "evals").status == 200
    shown = [requests.get(proxy.url + page, headers={"x-api-key": KEYS["evals"]}, timeout=60) for page in PAGES]
    with running_api(proxy.data) as (url, _):
        shown += [requests.get(url + path, timeout=60) for path in ANSWERS]
    assert all(answer.ok for answer in shown)
    content = b"".join(answer.content for answer in shown) + str([answer.headers for answer in shown]).encode()
    assert b'"evals"' in content
    assert not [trace for trace in traces() if trace in content] and SECRET.encode() not in content
    assert not [entry["sha256"] for entry in keys_file()["keys"] if entry["sha256"].encode() in content]


@pytest.fixture(scope="module")
def saving(start: Callable[..., Proxy], tmp_path_factory: pytest.TempPathFactory) -> tuple[Proxy, Path]:
    """A proxy that saves its flows, and shows their headers in its log; it leaves to mitmproxy what it can."""
    path = tmp_path_factory.mktemp("flows") / "flows"
    settings = {"CALLERS": "keys", "LOG_LEVEL": "debug", "MODELTRACK_FAST_DISPATCH": "false"}
    return start("-w", str(path), "--set", "flow_detail=2", **settings), path


def test_neither_key_nor_credential_is_in_a_saved_flow_or_in_the_log(
    saving: tuple[Proxy, Path], fake: FakeProvider, bundle: str
) -> None:
    proxy, path = saving
    for name, way in WAYS.items():
        assert call(proxy, "chatbot", name, bundle).status == 200
        password = way.call(proxy, {}, f"any:{KEYS['chatbot']}", bundle)
        assert password.status == 200
        assert way.call(proxy, {"X-Foo": KEYS["chatbot"]}, f"any:{KEYS['evals']}", bundle).status == 400
        assert way.call(proxy, {}, f"any:{KEYS['disabled']}", bundle).status in (401, 407)
    for request in fake.requests:
        assert_no_key(request)
    proxy.stop()
    with path.open("rb") as file:
        assert len(list(FlowReader(file).stream())) >= 3 * len(WAYS)
    for content in (path.read_bytes(), proxy.output.read_bytes()):
        assert not [trace for trace in traces() if trace in content]
        assert not [value for value in CREDENTIALS.values() if value.encode() in content]


def test_mitmweb_does_not_show_them_and_replays_a_call_with_the_credential(
    make_proxy: Callable[..., Proxy], fake: FakeProvider
) -> None:
    env = upstreams(fake) | AWS | CREDENTIALS
    web = Web(make_proxy, files={"keys.json": keys_file()}, CALLERS="keys", **env)
    ways = [name for name, way in WAYS.items() if not way.host]
    flows: dict[str, str] = {}
    for name in ways:
        assert call(web.proxy, "chatbot", name).status == 200
        flows[name] = web.flows()[-1]["id"]
    shown = json.dumps(web.flows()).encode() + web.save()
    assert not [trace for trace in traces() if trace in shown]
    assert not [value for value in CREDENTIALS.values() if value.encode() in shown]
    for name in set(ways) - {"websocket"}:
        fake.clear()
        again = web.replay(flows[name])
        assert (again["team"], again["app_id"], again["provider"]) == ("product", "chatbot", WAYS[name].provider)
        assert credentials_in(fake.requests[0]) == PUT_IN[WAYS[name].provider]
