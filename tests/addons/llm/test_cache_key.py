"""Test which requests have the same cache key."""

from typing import Any

import orjson
import pytest

from addons.llm.cache_key import cache_key, is_exact, key_headers
from addons.llm.providers.anthropic import MESSAGES
from addons.llm.providers.openai import ChatCompletions
from addons.llm.providers.responses import RESPONSES

BODY = {
    "model": "gpt-4o",
    "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
    "temperature": 0.5,
    "max_tokens": 10,
    "tools": [{"name": "t"}],
}
KEY = [("authorization", "Bearer a")]


FILING = ChatCompletions.filing


def key(
    change: dict[str, Any] | None = None,
    provider: str = "openai",
    url: str = "u",
    headers: Any = KEY,
    filing: Any = FILING,
) -> bytes:
    found = of(BODY | (change or {}), provider, url, headers, filing)
    assert found and len(found) == 32
    return found


def of(
    body: dict[str, Any] | bytes, provider: str = "openai", url: str = "u", headers: Any = KEY, filing: Any = FILING
) -> bytes | None:
    """Return the key of a body, which is given as it is sent or as it is parsed."""
    text = body if isinstance(body, bytes) else orjson.dumps(body)
    parsed = orjson.loads(text)
    return cache_key(provider, url, parsed, headers, filing) if is_exact(parsed, text) else None


def test_key_order_and_white_space_do_not_matter() -> None:
    assert of(orjson.dumps(dict(reversed(BODY.items())), option=orjson.OPT_INDENT_2)) == key()


@pytest.mark.parametrize("field", ["user", "safety_identifier", "prompt_cache_key"])
def test_fields_that_do_not_shape_the_answer_do_not_matter(field: str) -> None:
    assert key({field: "x"}) == key()
    assert key({"stream": False}) == key()


def test_whether_a_field_shapes_the_answer_depends_on_the_api() -> None:
    """Anthropic's `metadata` only names the user. OpenAI stores it, and Responses repeats all of these fields."""
    assert key({"metadata": {"user_id": "x"}}, filing=MESSAGES.filing) == key(filing=MESSAGES.filing)
    assert key({"metadata": {"a": "x"}}) != key()
    for field in ("metadata", "user", "safety_identifier", "prompt_cache_key"):
        assert key({field: "x"}, filing=RESPONSES.filing) != key(filing=RESPONSES.filing)


@pytest.mark.parametrize("field", ["conversation", "container"])
def test_what_goes_on_from_something_the_provider_keeps_has_no_key(field: str) -> None:
    assert of(BODY | {field: "id"}) is None
    assert key({field: None})


@pytest.mark.parametrize(
    "change",
    [
        {"model": "gpt-4o-mini"},
        {"messages": []},
        {"messages": [{"role": "system", "content": "be long"}, BODY["messages"][1]]},
        {"system": "x"},
        {"temperature": 0.6},
        {"max_tokens": 11},
        {"tools": []},
        {"response_format": {"type": "json_object"}},
        {"n": 2},
        {"a field of next year": 1},
    ],
    ids=str,
)
def test_every_field_that_shapes_the_answer_matters(change: dict[str, Any]) -> None:
    assert key(change) != key()


@pytest.mark.parametrize(
    "other",
    [{"provider": "azure"}, {"url": "v"}, {"headers": []}, {"headers": [("authorization", "Bearer b")]}],
    ids=str,
)
def test_provider_address_and_credential_matter(other: dict[str, Any]) -> None:
    assert key(**other) != key()


@pytest.mark.parametrize(
    "body",
    [
        b'{"seed": 18446744073709551616}',
        b'{"seed": -9223372036854775809}',
        b'{"tools": [{"maximum": 1e30}]}',
        b'{"seed": 1, "seed": 2}',
        b'{"messages": [{"role": "user", "role": "system", "content": "a: b"}]}',
        b'{"user": "a", "user": "b"}',
        b'{"stream": false, "stream": false}',
        b'{"a": "\\u003a", "b": 1, "b": 2}',
        b'{"a": "\\u003A"}',
    ],
    ids=str,
)
def test_a_body_that_is_not_read_as_it_is_written_has_no_key(body: bytes) -> None:
    assert of(body) is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"seed": 18446744073709551615}',
        b'{"temperature": 0.1, "max": 1e18}',
        b'{"a": "x: y", "b: c": {"d": [1, 2.5, null, "\\ud83d\\ude00:"]}}',
        b'{"model": "m:1", "user": "a:b", "stream": false}',
    ],
    ids=str,
)
def test_other_bodies_have_one(body: bytes) -> None:
    assert of(body)


@pytest.mark.parametrize(
    "name",
    ["Authorization", "x-api-key", "api-key", "Cookie", "cf-aig-authorization", "x-litellm-key", "X-Amz-Security-Token",
     "anthropic-version", "anthropic-beta", "openai-organization", "OpenAI-Project", "x-policy-id", "x-tenant-id",
     "X-Amzn-Bedrock-GuardrailIdentifier", "X-Amzn-Bedrock-GuardrailVersion", "X-Forwarded-User", "Origin",
     "a-header-of-next-year"],
)  # fmt: skip
def test_any_header_matters(name: str) -> None:
    assert key_headers([(b"Accept-Encoding", b"*"), (name.encode(), b"caf\xe9")]) == [(name.lower(), "caf\xe9")]


@pytest.mark.parametrize(
    "name",
    ["Host", "User-Agent", "Content-Length", "Content-Encoding", "Accept-Encoding", "Connection", "traceparent",
     "X-Request-Id", "X-Forwarded-For", "x-stainless-retry-count", "X-ModelTrack-Team", "x-datadog-trace-id",
     "Idempotency-Key", "x-claude-code-session-id", "amz-sdk-invocation-id", "X-Amz-Date"],
)  # fmt: skip
def test_but_those_that_are_known_not_to_shape_an_answer(name: str) -> None:
    assert key_headers([(name.encode(), b"1")]) == []


def test_the_order_of_headers_matters_only_among_those_of_one_name() -> None:
    fields = [(b"B-Key", b"1"), (b"User-Agent", b"x"), (b"a-token", b"2"), (b"b-key", b"0")]
    assert key_headers(fields) == [("a-token", "2"), ("b-key", "1"), ("b-key", "0")]


def test_of_a_signature_only_the_access_key_matters() -> None:
    signed = b"AWS4-HMAC-SHA256 Credential=AKID/20261124/us-east-1/bedrock/aws4_request, Signature=%d"
    assert key_headers([(b"authorization", signed % 1)]) == key_headers([(b"authorization", signed % 2)])
