"""Test what tests/e2e/providers does not show of BedrockSigner: region, signed headers, what may be missing."""

from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from botocore.credentials import Credentials
from mitmproxy import http
from mitmproxy.test import tflow

from addons import signing
from addons.callers.attribution import Attribution
from addons.core import Core
from addons.flow.attached import attach, call_of
from addons.llm.call import LLMCall, UntrackedCall
from addons.llm.parsing import eventstream
from addons.llm.paths.table import PathClass
from addons.llm.providers.bedrock import BEDROCK
from addons.llm.routes import Tracked, resolve
from addons.signing import BedrockSigner, sign

AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=A/20260101/ap-south-1/bedrock/aws4_request, SignedHeaders=host, Signature=0"
)
CREDENTIALS = Credentials("AKIAPROXY", "secret", "token")


class FakeSession:
    """Stands in for botocore's Session: it finds `found`, and counts in `looked` how often it looked."""

    found: Any = CREDENTIALS
    looked = 0

    def get_credentials(self) -> Any:
        type(self).looked += 1
        return self.found


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> type[FakeSession]:
    kind = type("Session", (FakeSession,), {})
    monkeypatch.setattr(signing, "Session", kind)
    return kind


def make_signer(timer: Any = lambda: 100.0, bedrock_sign_for: str = "loopback") -> BedrockSigner:
    core: Any = Core()
    core.settings = SimpleNamespace(
        bedrock_region="eu-west-1", max_request_bytes=1000, bedrock_sign_for=bedrock_sign_for
    )
    return BedrockSigner(core, timer)


def make_flow(kind: str = "invoke", host: str = "localhost", authorization: str = AUTHORIZATION) -> http.HTTPFlow:
    body = {"messages": []}
    route = resolve(f"/bedrock/model/m/{kind}")
    assert isinstance(route, Tracked)
    call = LLMCall(route=route, base_url="", attribution=Attribution(), started=0, body=body)
    call.request = call.wire.request(body, route.model)
    headers = {"Authorization": authorization, "Host": host, "Content-Type": "application/json"}
    request = http.Request.make("POST", f"https://{host}{route.path}", orjson.dumps(body), headers)
    flow = tflow.tflow(req=request)
    attach(flow, call)
    return flow


def scope(request: http.Request) -> list[str]:
    return request.headers["authorization"].partition("Credential=")[2].partition(",")[0].split("/")


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("localhost", "eu-west-1"),
        ("bedrock-runtime.us-west-2.amazonaws.com", "us-west-2"),
        ("bedrock-runtime-fips.us-east-2.amazonaws.com", "us-east-2"),
    ],
)
async def test_the_endpoint_decides_on_the_region_not_the_client(host: str, region: str) -> None:
    flow = make_flow(host=host)
    await requested(make_signer(), flow)
    assert scope(flow.request)[2:] == [region, "bedrock", "aws4_request"]
    assert scope(flow.request)[0] == "AKIAPROXY"
    assert flow.request.headers["x-amz-security-token"] == "token"


def test_awss_own_headers_are_signed_and_those_of_the_old_signature_gone() -> None:
    headers = {
        "Host": "h",
        "Authorization": AUTHORIZATION,
        "X-Amz-Content-SHA256": "0",
        "X-Amz-Security-Token": "client's",
        "X-Amzn-Bedrock-GuardrailIdentifier": "g",
        "User-Agent": "u",
    }
    request = http.Request.make("POST", "https://h/model/m/invoke", b"{}", headers)
    sign(request, Credentials("AKIAPROXY", "secret"), "bedrock", "eu-west-1")
    names = request.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert names == ["host", "x-amz-date", "x-amzn-bedrock-guardrailidentifier"]
    assert "x-amz-content-sha256" not in request.headers and "x-amz-security-token" not in request.headers


@pytest.mark.parametrize("authorization", ["", "Bearer key"])
async def test_what_is_not_signed_stays_as_it_is(authorization: str, session: type[FakeSession]) -> None:
    flow = make_flow(authorization=authorization)
    before = list(flow.request.headers.fields)
    await requested(make_signer(), flow)
    assert list(flow.request.headers.fields) == before and session.looked == 0


async def test_credentials_are_looked_for_once_and_again_some_time_after_none_were_found(
    session: type[FakeSession],
) -> None:
    now = [100.0]
    signer = make_signer(lambda: now[0])
    session.found = None
    for wait, looked in [(0, 1), (9, 1), (2, 2)]:
        now[0] += wait
        flow = make_flow()
        await requested(signer, flow)
        assert flow.response and flow.response.status_code == 503 and session.looked == looked
    session.found = CREDENTIALS
    now[0] += 11
    for _ in range(2):
        flow = make_flow()
        await requested(signer, flow)
        assert flow.response is None and session.looked == 3


async def requested(signer: BedrockSigner, flow: http.HTTPFlow) -> None:
    if rest := signer.request(flow):
        await rest


async def refused(flow: http.HTTPFlow) -> Any:
    await requested(make_signer(), flow)
    assert flow.response and flow.response.status_code == 503
    assert flow.response.headers["x-should-retry"] == "false"
    body = orjson.loads(flow.response.content or b"")
    assert (body["type"], body["error"]["type"]) == ("error", "not_configured")
    return body["error"]["message"]


async def test_without_botocore_a_signed_request_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "Session", None)
    assert "cannot be signed for AWS: install ModelTrack with its extra `aws`" in await refused(make_flow())


@pytest.mark.parametrize("kind", ["invoke-with-response-stream", "converse-stream"])
async def test_without_botocore_a_stream_that_could_not_be_metered_is_refused(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(eventstream, "EventStreamBuffer", None)
    message = await refused(make_flow(kind, authorization="Bearer key"))
    assert "cannot be metered: install ModelTrack with its extra `aws`" in message


async def test_credentials_that_cannot_be_had_are_an_error_a_retry_may_cure(session: type[FakeSession]) -> None:
    class Expired:
        def get_frozen_credentials(self) -> Any:
            raise RuntimeError("refresh failed")

    session.found = Expired()
    flow = make_flow()
    await requested(make_signer(), flow)
    assert flow.response and flow.response.status_code == 503
    assert flow.response.headers["retry-after"] == "5"
    assert b"signing_failed" in (flow.response.content or b"")


@pytest.mark.parametrize(
    ("allowed", "address", "signs"),
    [
        ("loopback", "127.0.0.1", True),
        ("loopback", "::ffff:127.0.0.1", True),
        ("loopback", "10.0.0.5", False),
        ("loopback", "::ffff:10.0.0.5", False),
        ("all", "10.0.0.5", True),
        ("none", "127.0.0.1", False),
    ],
)
@pytest.mark.parametrize("is_tracked", [True, False])
def test_for_whom_the_proxy_signs(allowed: str, address: str, signs: bool, is_tracked: bool) -> None:
    flow = make_flow()
    if not is_tracked:
        call = UntrackedCall(BEDROCK, Attribution(), PathClass.FREE, 0, sign_for="bedrock")
        attach(flow, call)
    flow.client_conn.peername = (address, 1234)
    make_signer(bedrock_sign_for=allowed).requestheaders(flow)
    assert (flow.response is None) is signs
    if flow.response:
        assert flow.response.status_code == 403
        body = orjson.loads(flow.response.content or b"")
        assert f"BEDROCK_SIGN_FOR={allowed}" in body["message"] and body["__type"] == "not_signed"


@pytest.mark.parametrize("base_url", ["", "https://bedrock-runtime.us-east-1.amazonaws.com"])
def test_what_is_not_to_be_signed_anew_passes_whoever_sends_it(base_url: str) -> None:
    for authorization in (AUTHORIZATION, "Bearer key", ""):
        flow = make_flow(authorization=authorization)
        call = call_of(flow)
        assert call
        call.base_url = base_url
        make_signer(bedrock_sign_for="none").requestheaders(flow)
        assert (flow.response is None) is (base_url != "" or authorization != AUTHORIZATION)
