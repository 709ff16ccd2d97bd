"""Callers that try to be somebody else, or to get a key past the proxy: in every mode, by base URL and by tunnel."""

import http.client
import json
import socket
import ssl
from typing import Any

import pytest

from demo.fake_provider.server import FakeProvider
from tests.e2e.callers.conftest import MODES
from tests.e2e.callers.people import KEYS, OWN, PUT_IN, assert_no_key, credentials_in, encoded
from tests.e2e.callers.ways import CHAT, MESSAGE, WAYS
from tests.e2e.conftest import SECRET, Proxy

CHATBOT, EVALS = KEYS["chatbot"], KEYS["evals"]
Fields = list[tuple[str, str]]
TEAM, APP = "X-ModelTrack-Team", "X-ModelTrack-App"


def post(
    proxy: Proxy, fields: Fields, path: str = "/v1/chat/completions", body: Any = CHAT, **tunnel: str
) -> tuple[int, bytes]:
    """Send header fields as they are; `host`, `user` and `bundle` are those of a tunnel."""
    connection = opened(proxy, **tunnel) if tunnel else http.client.HTTPConnection(proxy.url[7:], timeout=60)
    content = json.dumps(body).encode()
    try:
        connection.putrequest("POST", path)
        for name, value in [("X-ModelTrack-No-Cache", "1"), *fields, ("Content-Length", str(len(content)))]:
            connection.putheader(name, value.encode())
        connection.endheaders(content)
        got = connection.getresponse()
        return got.status, got.read()
    finally:
        connection.close()


def opened(proxy: Proxy, bundle: str, host: str = "api.openai.com", user: str = "") -> http.client.HTTPConnection:
    """Open a tunnel to a provider's host."""
    context = ssl.create_default_context(cafile=bundle)
    connection = http.client.HTTPSConnection(proxy.url[7:], timeout=60, context=context)
    headers = {"Proxy-Authorization": f"Basic {encoded(user)}"} if user else {}
    connection.set_tunnel(host, 443, headers)
    return connection


def own_key(key: str) -> Fields:
    return [("X-ModelTrack-Key", key)]


def bearer(key: str) -> Fields:
    return [("Authorization", f"Bearer {key}")]


PAST: dict[str, tuple[Fields, int, tuple[str, ...]]] = {
    "a header against the key": ([*bearer(CHATBOT), (TEAM, "research")], 403, ("'chatbot'", "'product'", "'research'")),
    "an app against the key": ([*bearer(CHATBOT), (APP, "evals")], 403, ("the app 'chatbot'", "'evals'")),
    "a look-alike": ([*bearer(CHATBOT), (TEAM, "pr\u043educt")], 403, ("'chatbot'",)),
    "two keys": ([*bearer(CHATBOT), *own_key(EVALS)], 400, ("two different ModelTrack keys",)),
    "two keys, one by base URL": (
        [("Authorization", f"Basic {encoded('any:' + CHATBOT)}"), *own_key(EVALS)],
        400,
        ("two different ModelTrack keys",),
    ),
    "two keys in one header": ([*own_key(CHATBOT), *own_key(EVALS)], 400, ("two different ModelTrack keys",)),
    "two teams": ([*bearer(CHATBOT), (TEAM, "product"), (TEAM, "research")], 400, ("x-modeltrack-team comes twice",)),
    "a key in a cookie": ([("Cookie", f"session={CHATBOT}")], 400, ("belongs into",)),
    "a key in any header": ([*bearer(OWN), ("X-Foo", CHATBOT)], 400, ("belongs into",)),
    "a key as a team": ([*bearer(OWN), (TEAM, CHATBOT)], 400, ("belongs into",)),
    "a key without a scheme": ([("Authorization", CHATBOT)], 400, ("belongs into",)),
    "a key in a subprotocol": ([("Sec-WebSocket-Protocol", f"openai-insecure-api-key.{CHATBOT}")], 400, ("belongs",)),
    "a name with a key": ([("Authorization", f"Basic {encoded(f'x {CHATBOT}:app')}")], 401, ("no valid",)),
    "a key that is cut": (bearer(CHATBOT[:-1]), 401, ("no valid",)),
    "no key in our header": ([*bearer(OWN), *own_key("none")], 401, ("no valid",)),
    "an ended key": ([*bearer(KEYS["ended"]), (TEAM, "product")], 401, ("no valid",)),
    "a disabled key": ([*bearer(KEYS["disabled"]), (TEAM, "product")], 401, ("no valid",)),
    "an unknown key": ([*bearer(KEYS["unknown"]), (TEAM, "product")], 401, ("no valid",)),
    "an unknown key beside one's own": ([*bearer(OWN), *own_key(KEYS["unknown"])], 401, ("no valid",)),
}


@pytest.mark.parametrize("is_tunnelled", [False, True], ids=["base URL", "tunnel"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("fields", "status", "words"), PAST.values(), ids=PAST)
def test_a_caller_that_is_not_who_it_says_is_refused_in_every_mode(
    proxies: dict[str, Proxy],
    fake: FakeProvider,
    bundle: str,
    mode: str,
    fields: Fields,
    status: int,
    words: tuple[str, ...],
    is_tunnelled: bool,
) -> None:
    got, body = post(proxies[mode], fields, **{"bundle": bundle} if is_tunnelled else {})
    assert got == status, body
    message = json.loads(body)["error"]["message"]
    assert all(word in message for word in words), message
    assert fake.requests == [] and not [key for key in KEYS.values() if key[3:-3].encode() in body]


@pytest.mark.parametrize(
    "path", [f"/v1/chat/completions?key={CHATBOT}", f"/v1/models/{CHATBOT}", f"/nowhere?k=mt%2d{CHATBOT[3:]}"]
)
@pytest.mark.parametrize("mode", MODES)
def test_a_key_in_the_url_is_refused_and_not_echoed(
    proxies: dict[str, Proxy], fake: FakeProvider, mode: str, path: str
) -> None:
    for fields in (bearer(OWN), bearer(CHATBOT)):
        status, body = post(proxies[mode], fields, path)
        assert status == 400 and CHATBOT[3:].encode() not in body
    assert fake.requests == []


SAME: dict[str, tuple[Fields, dict[str, str]]] = {
    "case": ([*bearer(CHATBOT), (TEAM, "PRODUCT")], {}),
    "invisible characters": ([*bearer(CHATBOT), (TEAM, "pro\u200bduct\u2060"), (APP, "\ufeffChatbot ")], {}),
    "full width": ([*bearer(CHATBOT), (TEAM, "".join(chr(ord(letter) + 0xFEE0) for letter in "product"))], {}),
    "empty headers": ([*bearer(CHATBOT), (TEAM, ""), (TEAM, " ")], {}),
    "twice the same key": ([*bearer(CHATBOT), *own_key(CHATBOT)], {}),
    "another user of the base URL": ([("Authorization", f"Basic {encoded('research:evals')}"), *own_key(CHATBOT)], {}),
    "another user beside the key": ([("Authorization", f"Basic {encoded('research:' + CHATBOT)}")], {}),
    "another user of the proxy": (bearer(CHATBOT), {"user": "research:evals"}),
    "another key of the proxy": (bearer(CHATBOT), {"user": f"research:{EVALS}"}),
    "the id of another key": ([*bearer(CHATBOT), ("X-ModelTrack-Key-Id", "evals")], {}),
    "its password for the proxy": ([], {"user": f"research:{CHATBOT}"}),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("fields", "tunnel"), SAME.values(), ids=SAME)
def test_with_a_key_it_is_billed_to_whom_the_key_is_for(
    proxies: dict[str, Proxy],
    fake: FakeProvider,
    bundle: str,
    mode: str,
    fields: Fields,
    tunnel: dict[str, str],
) -> None:
    proxy = proxies[mode]
    before = len(proxy.events())
    status, body = post(proxy, fields, **tunnel | {"bundle": bundle} if tunnel else {})
    assert status == 200, body
    [event] = proxy.events()[before:]
    assert (event["team"], event["app_id"]) == ("Product", "chatbot")
    [request] = fake.requests
    assert_no_key(request)
    assert credentials_in(request) == PUT_IN["openai"]


@pytest.mark.parametrize("user", [f"product:{KEYS[id]}" for id in ("unknown", "disabled", "ended")])
@pytest.mark.parametrize("mode", MODES)
def test_no_tunnel_opens_for_a_key_that_is_not_valid(
    proxies: dict[str, Proxy], bundle: str, mode: str, user: str
) -> None:
    connection = opened(proxies[mode], bundle, user=user)
    with pytest.raises(OSError, match="407"):
        connection.connect()


def test_a_providers_key_is_no_key_of_ours(proxies: dict[str, Proxy], fake: FakeProvider) -> None:
    """One of Anthropic's where OpenAI's would be tells the provider, and nothing of who calls."""
    anthropics = bearer(f"sk-ant-{SECRET}")
    status, body = post(proxies["keys"], [*anthropics, (TEAM, "product")])
    assert (status, fake.requests) == (401, []) and SECRET.encode() not in body
    assert post(proxies["open"], [*anthropics, (TEAM, "product")])[0] == 200
    assert credentials_in(fake.requests[0]) == {"authorization": f"Bearer sk-ant-{SECRET}"}


def test_proxy_credentials_in_a_request_are_neither_believed_nor_passed_on(
    proxies: dict[str, Proxy], fake: FakeProvider
) -> None:
    fields = [*bearer(OWN), ("Proxy-Authorization", f"Basic {encoded('product:' + CHATBOT)}")]
    assert post(proxies["keys"], fields)[0] == 401
    assert post(proxies["open"], fields)[0] == 200
    [request] = fake.requests
    assert_no_key(request)
    assert request.header("proxy-authorization") is None and credentials_in(request) == {
        "authorization": f"Bearer {OWN}"
    }


@pytest.mark.parametrize("host", ["others.openai.azure.com", "others.services.ai.azure.com"])
@pytest.mark.parametrize("path", ["/openai/v1/chat/completions", "/openai/v1/models"])
def test_a_resource_at_azure_that_is_not_ours_gets_no_credential_of_ours(
    keys_only: Proxy, fake: FakeProvider, bundle: str, host: str, path: str
) -> None:
    for fields, user in ((own_key(CHATBOT), ""), ([], f"any:{CHATBOT}")):
        status, body = post(keys_only, fields, path, host=host, bundle=bundle, user=user)
        assert status == 403 and b"does not put its credential into requests to this host" in body
    assert fake.requests == []


@pytest.mark.parametrize(
    ("way", "model", "status"),
    [
        ("anthropic", "claude-haiku-4-5", 200),
        ("anthropic", "claude-sonnet-4-6", 403),
        ("openai", "gpt-4o-mini", 200),
        ("openai", "gpt-4o", 403),
        ("tunnel to openai", "gpt-4o", 403),
        ("invoke", "", 403),
        ("azure", "", 403),
    ],
)
def test_a_key_is_for_its_providers_and_models(
    keys_only: Proxy, fake: FakeProvider, bundle: str, way: str, model: str, status: int
) -> None:
    found = WAYS[way]
    made = type(found)(**{**vars(found), "body": found.body | ({"model": model} if model else {})})
    answer = made.call(keys_only, {"X-ModelTrack-Key": KEYS["limited"]}, bundle=bundle)
    assert answer.status == status, answer.body
    assert len(fake.requests) == (status == 200)
    if status == 403:
        assert "'limited' is not for the" in answer.body["error"]["message"]


def test_answers_are_a_teams_own(keys_only: Proxy, fake: FakeProvider) -> None:
    def ask(id: str, **more: str) -> str:
        connection = http.client.HTTPConnection(keys_only.url[7:], timeout=60)
        content = json.dumps(MESSAGE | {"system": "answers are a team's own"})
        connection.request("POST", "/v1/messages", content, {"x-api-key": KEYS[id], **more})
        got = connection.getresponse()
        got.read()
        connection.close()
        return got.headers["X-ModelTrack-Cache"] or ""

    assert [ask(id) for id in ("chatbot", "evals", "team-only", "chatbot", "evals")] == [
        "MISS",
        "MISS",
        "HIT",
        "HIT",
        "HIT",
    ]
    assert len(fake.requests) == 2
    assert [ask("evals", Authorization=f"Bearer {OWN}"), ask("evals", Authorization="Bearer another")] == ["MISS"] * 2


@pytest.mark.parametrize("fields", [bearer(KEYS["unknown"]), bearer(OWN)], ids=["unknown", "none"])
def test_a_caller_is_refused_before_its_body_is_read(keys_only: Proxy, fields: Fields) -> None:
    head = [
        "POST /v1/messages HTTP/1.1",
        "Host: x",
        "Content-Length: 50000000",
        *(": ".join(f) for f in fields),
        "",
        "",
    ]
    host, _, port = keys_only.url[7:].partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as raw:
        raw.sendall("\r\n".join(head).encode() + b'{"model"')
        assert raw.recv(65536).startswith(b"HTTP/1.1 401 ")
