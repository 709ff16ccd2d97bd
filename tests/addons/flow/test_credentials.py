"""Test in which form each provider gets the proxy's credential, for whom, and where it does not go."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http

from addons.callers.credentials import VARIABLES
from addons.callers.keys import Key, KeysFile, sha256
from addons.core import Core
from addons.engine.fixes.credentials import _with
from addons.flow.attached import credential_of
from addons.flow.credentials import needs_credential, put_in, signs_for
from addons.llm.denial import Denial
from addons.llm.hosts import is_trusted
from addons.llm.providers import ANTHROPIC, OPENAI, Provider
from addons.llm.providers.azure import AZURE
from addons.llm.providers.bedrock import BEDROCK
from tests.addons.cores import made, started

OWN = {name: f"own-{provider}" for provider, name in VARIABLES.items()}
SIGNATURE = (
    "AWS4-HMAC-SHA256 Credential=AKIACLIENT/20260101/us-east-1/bedrock/aws4_request,"
    " SignedHeaders=host;x-amz-date, Signature=0123456789abcdef"
)
OURS, OTHERS = "https://ours.openai.azure.com", "https://others.openai.azure.com"


def key(**references: str) -> Key:
    return Key.model_validate({"id": "k", "sha256": sha256("k"), "team": "t", "credentials": references})


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Core]]:
    managers: list[Any] = []

    def begin(environ: dict[str, str], **values: Any) -> Core:
        for name in VARIABLES.values():
            monkeypatch.delenv(name, raising=False)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        managers.append(started(tmp_path, azure_openai_endpoint=OURS, **values))
        core: Core = managers[-1].__enter__()
        return core

    yield begin
    for manager in managers:
        manager.__exit__(None, None, None)


@pytest.fixture
def core(start: Callable[..., Core]) -> Core:
    return start(OWN)


def flow_with(**headers: str) -> http.HTTPFlow:
    flow = made()
    for name, value in headers.items():
        flow.request.headers[name.replace("_", "-")] = value
    return flow


def sent(core: Core, provider: Provider, path: str, url: str = "", **headers: str) -> list[tuple[str, str]] | Denial:
    """Return what is put in for a key, or why nothing can be."""
    flow = flow_with(**headers)
    before = flow.request.headers.fields
    denial = put_in(core, flow, key(), provider, path, url)
    assert flow.request.headers.fields == before, "a credential never is a header of the flow's request"
    return denial or [(name.decode(), value.decode()) for name, value in credential_of(flow.request)]


FORMS: list[tuple[Provider, str, list[tuple[str, str]]]] = [
    (ANTHROPIC, "/v1/messages", [("x-api-key", "own-anthropic")]),
    (ANTHROPIC, "/v1/models", [("x-api-key", "own-anthropic")]),
    (ANTHROPIC, "/v1/chat/completions", [("Authorization", "Bearer own-anthropic")]),
    (OPENAI, "/v1/chat/completions", [("Authorization", "Bearer own-openai")]),
    (OPENAI, "/v1/responses", [("Authorization", "Bearer own-openai")]),
    (AZURE, "/v1/chat/completions", [("api-key", "own-azure")]),
    (AZURE, "/openai/deployments/d/chat/completions", [("api-key", "own-azure")]),
    (AZURE, "/anthropic/v1/messages", [("api-key", "own-azure"), ("x-api-key", "own-azure")]),
    (AZURE, "/Anthropic/v1/messages", [("api-key", "own-azure"), ("x-api-key", "own-azure")]),
    (BEDROCK, "/model/m/converse", [("Authorization", "Bearer own-bedrock")]),
    (BEDROCK, "/v1/messages", [("Authorization", "Bearer own-bedrock")]),
]


@pytest.mark.parametrize(("provider", "path", "expected"), FORMS, ids=[f"{p.name}{path}" for p, path, _ in FORMS])
def test_each_provider_gets_its_own_credential_in_its_own_form(
    core: Core, provider: Provider, path: str, expected: list[tuple[str, str]]
) -> None:
    assert sent(core, provider, path) == expected


@pytest.mark.parametrize("name", ["Authorization", "x_api_key", "API_KEY"])
@pytest.mark.parametrize("provider", [ANTHROPIC, OPENAI, AZURE, BEDROCK], ids=lambda provider: provider.name)
def test_a_callers_own_credential_is_left_alone(core: Core, provider: Provider, name: str) -> None:
    assert sent(core, provider, "/v1/x", **{name: "Bearer mine"}) == []


def test_nothing_is_put_in_for_a_caller_without_a_key(core: Core) -> None:
    flow = made()
    assert put_in(core, flow, None, OPENAI, "/v1/responses", "") is None and credential_of(flow.request) == ()
    assert needs_credential(flow.request)


def test_the_key_may_name_another_account(start: Callable[..., Core]) -> None:
    core, flow, research = start(OWN | {"RESEARCH": "other"}), made(), key(openai="env:RESEARCH")
    core.credentials.refer_to(KeysFile(keys=[research]))
    assert put_in(core, flow, research, OPENAI, "/v1/responses", "") is None
    assert credential_of(flow.request) == ((b"Authorization", b"Bearer other"),)


@pytest.mark.parametrize("provider", [ANTHROPIC, OPENAI, AZURE], ids=lambda provider: provider.name)
def test_one_that_is_missing_is_a_503_that_names_the_variable(start: Callable[..., Core], provider: Provider) -> None:
    denial = sent(start({}), provider, "/v1/x")
    assert isinstance(denial, Denial) and (denial.status, denial.kind) == (503, "not_configured")
    assert VARIABLES[provider.name] in denial.message


TUNNELS: list[tuple[Provider, str, bool]] = [
    (AZURE, OTHERS, False),
    (AZURE, OURS, True),
    (AZURE, OURS + "/openai/v1", True),
    (AZURE, OURS.replace("ours", "OURS"), True),
    (AZURE, OURS + ":8443", False),
    (AZURE, OURS.replace("https", "http"), False),
    (AZURE, "https://ours.services.ai.azure.com", False),
    (OPENAI, "http://openai.test", True),
    (OPENAI, "http://anthropic.test", False),
    (OPENAI, "https://eu.api.openai.com", True),
    (OPENAI, "https://eu.api.openai.com:8443", False),
    (OPENAI, "http://eu.api.openai.com", False),
    (OPENAI, "https://api.openai.com.evil.test", False),
    (OPENAI, "https://x@evil.test", False),
    (ANTHROPIC, "http://anthropic.test", True),
    (ANTHROPIC, "https://aws-external-anthropic.us-east-1.api.aws", False),
    (BEDROCK, "https://bedrock-runtime.eu-west-1.amazonaws.com", True),
    (BEDROCK, "https://bedrock-mantle.eu-west-1.api.aws/anthropic", True),
    (BEDROCK, "https://eu.api.openai.com", False),
]


@pytest.mark.parametrize(("provider", "url", "is_sent"), TUNNELS, ids=[url for _, url, _ in TUNNELS])
def test_through_a_tunnel_it_goes_only_to_hosts_that_are_the_providers_or_ours(
    core: Core, provider: Provider, url: str, is_sent: bool
) -> None:
    found = sent(core, provider, "/v1/x", url)
    assert is_trusted(provider, url, core.settings.endpoints) is is_sent
    if is_sent:
        assert not isinstance(found, Denial) and f"own-{provider.name}" in found[0][1]
    else:
        assert isinstance(found, Denial) and (found.status, found.kind) == (403, "permission_error")


SIGNING: list[tuple[bool, dict[str, str], str, bool, bool]] = [
    # has a key, headers, url, with Bedrock's bearer token, is signed
    (True, {}, "", False, True),
    (True, {}, "", True, False),
    (True, {"Authorization": SIGNATURE}, "", True, True),
    (True, {"Authorization": SIGNATURE}, "https://bedrock-runtime.us-east-1.amazonaws.com", False, False),
    (True, {}, "https://bedrock-runtime.us-east-1.amazonaws.com", False, True),
    (True, {}, "https://bedrock-runtime.us-east-1.amazonaws.com:8443", False, False),
    (True, {"Authorization": "Bearer mine"}, "", False, False),
    (False, {}, "", False, False),
    (False, {"Authorization": SIGNATURE}, "", False, False),  # that is for BEDROCK_SIGN_FOR to say
]


@pytest.mark.parametrize(("has_key", "headers", "url", "has_bearer", "is_signed"), SIGNING)
def test_a_request_to_bedrock_is_signed_for_a_key_without_a_bearer_token(
    start: Callable[..., Core], has_key: bool, headers: dict[str, str], url: str, has_bearer: bool, is_signed: bool
) -> None:
    core = start(OWN if has_bearer else {})
    flow, caller = flow_with(**headers), key() if has_key else None
    assert signs_for(core, flow, caller, BEDROCK, url) is is_signed
    assert signs_for(core, flow, caller, OPENAI, url) is False
    if caller and not is_signed and not headers:
        found = put_in(core, flow, caller, BEDROCK, "/v1/x", url)
        assert found is None if has_bearer else found and found.status == 503


@pytest.mark.parametrize("headers", [{}, {"Authorization": SIGNATURE}])
def test_a_key_with_an_account_at_aws_never_uses_the_proxys(
    headers: dict[str, str], start: Callable[..., Core]
) -> None:
    core = start(OWN | {"ACCOUNT_B": "b"})
    for name, status in (("ACCOUNT_B", None), ("NOT_SET", 503)):
        flow, caller = flow_with(**headers), key(bedrock=f"env:{name}")
        core.credentials.refer_to(KeysFile(keys=[caller]))
        assert not signs_for(core, flow, caller, BEDROCK, "")
        found = put_in(core, flow, caller, BEDROCK, "/v1/x", "")
        assert (found and found.status) == status
        assert credential_of(flow.request) == (() if status else ((b"Authorization", b"Bearer b"),))
        assert "Authorization" not in flow.request.headers


def test_what_is_sent_has_the_credential_and_the_flows_request_has_not() -> None:
    request = made().request
    sent = _with(request, ((b"x-api-key", b"own"),))
    assert sent.headers.fields == (*request.headers.fields, (b"x-api-key", b"own"))
    assert "x-api-key" not in request.headers
    assert (sent.path, sent.content, sent.data.headers is request.data.headers) == (
        request.path,
        request.content,
        False,
    )
