"""Bedrock through HTTPS_PROXY: what is signed for AWS arrives as it was signed. AWS's hosts stand on loopback here."""

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anthropic
import boto3
import pytest
from botocore.config import Config

from addons.ca_bundle import write_bundle
from demo.fake_provider.server import FakeProvider
from tests.e2e.certificates import self_signed
from tests.e2e.conftest import KEY, PROMPT, SCRIPTS, SECRET, Proxy
from tests.e2e.providers.sigv4 import signer_of

RUNTIME, NATIVE = "bedrock-runtime.us-east-1.amazonaws.com", "bedrock-mantle.us-east-1.api.aws"
CLIENTS = {"AKIACLIENT": f"client-{SECRET}"}
SIGNED: Any = {"aws_access_key": "AKIACLIENT", "aws_secret_key": CLIENTS["AKIACLIENT"], "aws_region": "us-east-1"}
SONNET, HAIKU = "us.anthropic.claude-sonnet-4-6", "us.anthropic.claude-haiku-4-5-20251001-v1:0"
MESSAGES: Any = [{"role": "user", "content": PROMPT}]
CONVERSATION: Any = [{"role": "user", "content": [{"text": PROMPT}]}]
COSTS = {SONNET: 0.0066, HAIKU: 0.0022}  # 1000 in, 200 out at 3.30 / 16.50 and 1.10 / 5.50

RULE = {
    "name": "cheaper",
    "trigger": "budget_percent_above",
    "threshold": 0,
    "from_models": ["claude-sonnet-4-6"],
    "to_model": "claude-haiku-4-5-20251001-v1:0",
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and a certificate, signed by itself, for AWS's hosts."""
    path = tmp_path_factory.mktemp("aws") / "aws.pem"
    self_signed(path, "AWS on loopback", RUNTIME, NATIVE)
    return path


@pytest.fixture(scope="module")
def fake(certificate: Path) -> Iterator[FakeProvider]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with FakeProvider(tls=context) as provider:
        yield provider


@pytest.fixture(scope="module")
def proxy(make_proxy: Callable[..., Proxy], fake: FakeProvider, certificate: Path) -> Proxy:
    files = {
        "budgets.json": {"budgets": [{"team": "thrifty", "monthly_limit": 1000, "action": "warn"}]},
        "routing.json": {"rules": [RULE]},
    }
    trust = f"ssl_verify_upstream_trusted_ca={certificate}"
    proxy = make_proxy("--set", trust, files=files, start=False, ELSEWHERE=fake.url.rpartition(":")[2])
    proxy.use("mitmdump", SCRIPTS / "elsewhere.py")
    return proxy.start()


@pytest.fixture(autouse=True)
def through(proxy: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment of a program that is told nothing else."""
    bundle = tmp_path / "ca-bundle.pem"
    write_bundle(bundle, proxy.confdir)
    for name in ("SSL_CERT_FILE", "AWS_CA_BUNDLE"):
        monkeypatch.setenv(name, str(bundle))
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, proxy.url.replace("http://", "http://thrifty:user@"))
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    for name in ("AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def boto(app: str, bearer: bool = False) -> Any:
    """Return boto3's client with headers of ours that it signs, and one that is put in after it has signed."""
    credentials = {"aws_access_key_id": "AKIACLIENT", "aws_secret_access_key": CLIENTS["AKIACLIENT"]}
    session = boto3.Session(region_name="us-east-1", **({} if bearer else credentials))
    client = session.client("bedrock-runtime", config=Config(retries={"total_max_attempts": 1}))

    def before_it_signs(params: dict[str, Any], **_: Any) -> None:
        params["headers"] |= {"X-ModelTrack-App": app, "X-ModelTrack-No-Cache": "1"}

    def after_it_has(request: Any, **_: Any) -> None:
        request.headers["X-ModelTrack-Feature"] = "search"

    client.meta.events.register("before-call.bedrock-runtime", before_it_signs)
    client.meta.events.register("before-send.bedrock-runtime", after_it_has)
    return client


def converse(app: str = "converse") -> str:
    with closing(boto(app)) as client:
        answer = client.converse(modelId=SONNET, messages=CONVERSATION)
    assert "x-modeltrack-routed" not in answer["ResponseMetadata"]["HTTPHeaders"]
    return str(answer["output"]["message"]["content"][0]["text"])


def converse_stream() -> str:
    with closing(boto("converse_stream")) as client:
        events = list(client.converse_stream(modelId=SONNET, messages=CONVERSATION)["stream"])
    return "".join(event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event)


def sdk_stream() -> str:
    headers = {"X-ModelTrack-App": "sdk_stream", "X-ModelTrack-Feature": "search"}
    with anthropic.AnthropicBedrock(default_headers=headers, **SIGNED) as client:
        with client.messages.create(model=SONNET, max_tokens=9, messages=MESSAGES, stream=True) as stream:
            return "".join(event.delta.text for event in stream if event.type == "content_block_delta")  # type: ignore[union-attr]


def native_message() -> str:
    headers = {"X-ModelTrack-App": "native_message", "X-ModelTrack-Feature": "search"}
    with anthropic.AnthropicBedrockMantle(default_headers=headers, **SIGNED) as client:
        return str(client.messages.create(model=SONNET, max_tokens=9, messages=MESSAGES).content[0].text)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("call", "host", "service"),
    [
        (converse, RUNTIME, "bedrock"),
        (converse_stream, RUNTIME, "bedrock"),
        (sdk_stream, RUNTIME, "bedrock"),
        (native_message, NATIVE, "bedrock-mantle"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_was_signed_for_aws_arrives_with_that_signature_and_is_not_downgraded(
    call: Callable[[], str], host: str, service: str, proxy: Proxy, fake: FakeProvider
) -> None:
    skipped = proxy.get("/routing/stats")["skip_reasons"].get("signed_request", 0)
    assert call() == fake.defaults.text
    [request] = fake.requests
    assert signer_of(request, CLIENTS, "https") == ("AKIACLIENT", "us-east-1", service)
    assert request.header("host") == host
    assert request.header("proxy-authorization") is None
    [event] = proxy.events(app_id=call.__name__)
    assert (event["team"], event["feature"], event["provider"]) == ("thrifty", "search", "bedrock")
    assert (event["model"], event["cost_usd"]) == (SONNET, COSTS[SONNET])
    assert event["is_streaming"] is ("stream" in call.__name__)
    assert "routed_to" not in event and "usage_estimated" not in event
    assert proxy.get("/routing/stats")["skip_reasons"] == {"signed_request": skipped + 1}


def test_our_headers_that_are_signed_go_on_and_the_others_do_not(fake: FakeProvider) -> None:
    converse("headers")
    [request] = fake.requests
    assert request.header("x-modeltrack-app") == "headers"
    assert request.header("x-modeltrack-feature") is None
    assert signer_of(request, CLIENTS, "https")


def test_a_bearer_key_is_not_signed_so_its_call_can_be_downgraded(
    proxy: Proxy, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", KEY)
    with closing(boto("bearer", bearer=True)) as client:
        answer = client.converse(modelId=SONNET, messages=CONVERSATION)
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-modeltrack-routed-to"] == HAIKU
    [request] = fake.requests
    assert request.header("authorization") == f"Bearer {KEY}"
    assert request.path == f"/model/{HAIKU}/converse"
    assert "modeltrack" not in str(request.headers).lower()
    [event] = proxy.events(app_id="bearer")
    assert (event["routed_from"], event["model"], event["cost_usd"]) == (SONNET, HAIKU, COSTS[HAIKU])


def test_answers_to_signed_requests_are_not_cached_as_only_aws_can_tell_who_signed(
    proxy: Proxy, fake: FakeProvider
) -> None:
    with anthropic.AnthropicBedrock(default_headers={"X-ModelTrack-App": "cache"}, **SIGNED) as client:
        for _ in range(2):
            client.messages.create(model=HAIKU, max_tokens=9, messages=MESSAGES)
    assert len(fake.requests) == 2
    assert [event["cost_usd"] for event in proxy.events(app_id="cache")] == [COSTS[HAIKU]] * 2


def test_other_calls_pass_with_the_clients_signature_uncounted(proxy: Proxy, fake: FakeProvider) -> None:
    before = proxy.get("/stats")["untracked_requests"]
    with closing(boto("count")) as client:
        answer = client.count_tokens(modelId=SONNET, input={"invokeModel": {"body": json.dumps({"a": PROMPT})}})
    assert answer["inputTokens"] == 1000
    [request] = fake.requests
    assert signer_of(request, CLIENTS, "https") == ("AKIACLIENT", "us-east-1", "bedrock")
    assert proxy.get("/stats")["untracked_requests"] == before + 1
