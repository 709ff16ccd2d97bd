"""Test for whom the proxy signs with its own AWS credentials."""

from collections.abc import Callable

import pytest

from demo.fake_provider.server import FakeProvider
from tests.e2e.calls import send
from tests.e2e.conftest import KEY, PROMPT, Proxy
from tests.e2e.providers.bedrock.clients import NO_AWS, US
from tests.e2e.proxy.test_connect import open_socket

OWN = NO_AWS | {"AWS_ACCESS_KEY_ID": "AKIAPROXY", "AWS_SECRET_ACCESS_KEY": "its-secret"}
SIGNATURE = (
    "AWS4-HMAC-SHA256 Credential=AKIACLIENT/20260101/us-east-1/bedrock/aws4_request,"
    " SignedHeaders=host;x-amz-date, Signature=0123456789abcdef"
)
BODY = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": [{"role": "user", "content": PROMPT}]}
INVOKE, COUNT, CHAT = f"/bedrock/model/{US}/invoke", f"/bedrock/model/{US}/count-tokens", "/bedrock/v1/chat/completions"


@pytest.fixture(scope="module")
def signing(make_proxy: Callable[..., Proxy], fake: FakeProvider) -> Proxy:
    return make_proxy(BEDROCK_ENDPOINT_URL=fake.url, **OWN)


@pytest.mark.parametrize("path", [INVOKE, COUNT, CHAT, "/bedrock/async-invoke"])
@pytest.mark.parametrize(
    "authorization",
    ["", f"Bearer {KEY}", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256 Credential=A/b/c/d/aws4_request"],
    ids=["none", "key", "word", "scheme", "credential"],
)
def test_nothing_is_signed_for_a_caller_that_shows_no_signature(
    signing: Proxy, fake: FakeProvider, path: str, authorization: str
) -> None:
    headers = {"Authorization": authorization, "X-ModelTrack-No-Cache": "1"}
    assert send(signing.url + path, {"model": US, **BODY}, **headers).status_code == 200
    [request] = fake.requests
    assert (request.header("authorization") or "") == authorization.strip()
    assert request.header("x-amz-date") is None


@pytest.mark.parametrize("path", [INVOKE, COUNT, CHAT, "/bedrock/async-invoke"])
def test_a_client_on_this_machine_is_signed_for(signing: Proxy, fake: FakeProvider, path: str) -> None:
    headers = {"Authorization": SIGNATURE, "X-ModelTrack-No-Cache": "1"}
    assert send(signing.url + path, {"model": US, **BODY}, **headers).status_code == 200
    assert "Credential=AKIAPROXY/" in (fake.requests[0].header("authorization") or "")


@pytest.mark.parametrize("path", [INVOKE, COUNT, CHAT, "/bedrock/async-invoke"])
def test_nobody_is_signed_for_where_the_setting_says_none(
    make_proxy: Callable[..., Proxy], fake: FakeProvider, path: str
) -> None:
    proxy = make_proxy(BEDROCK_ENDPOINT_URL=fake.url, BEDROCK_SIGN_FOR="none", **OWN)
    answer = send(proxy.url + path, {"model": US, **BODY}, Authorization=SIGNATURE)
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "not_signed")
    assert "BEDROCK_SIGN_FOR=none" in answer.json()["error"]["message"]
    assert fake.requests == []
    assert send(proxy.url + path, {"model": US, **BODY}).status_code == 200  # with a key of its own
    assert proxy.get("/stats")["in_flight"] == 0


def test_a_websocket_is_never_signed_for(signing: Proxy, fake: FakeProvider) -> None:
    head = [
        "GET /bedrock/v1/responses HTTP/1.1", "Host: x", "Connection: Upgrade", "Upgrade: websocket",
        "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", f"Authorization: {SIGNATURE}",
    ]  # fmt: skip
    with open_socket(signing) as raw:
        raw.sendall("\r\n".join([*head, "", ""]).encode())
        assert raw.recv(65536).startswith(b"HTTP/1.1 101 ")
    assert fake.requests[0].header("authorization") == SIGNATURE
