"""Test which requests have the same cache key."""

from typing import Any

import orjson
import pytest

from addons.llm.cache_key import cache_key, key_headers
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
    found = cache_key(provider, url, BODY | (change or {}), headers, filing)
    assert found and len(found) == 32
    return found


def test_key_order_and_white_space_do_not_matter() -> None:
    other = orjson.loads(orjson.dumps(dict(reversed(BODY.items())), option=orjson.OPT_INDENT_2))
    assert cache_key("openai", "u", other, KEY, FILING) == key()


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
    assert cache_key("openai", "u", BODY | {field: "id"}, KEY, FILING) is None
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


def test_a_body_without_a_canonical_form_has_no_key() -> None:
    assert cache_key("openai", "u", {"seed": 2**70}, KEY, FILING) is None


@pytest.mark.parametrize(
    "name",
    ["Authorization", "x-api-key", "api-key", "Cookie", "cf-aig-authorization", "x-litellm-key", "X-Amz-Security-Token",
     "anthropic-version", "anthropic-beta", "openai-organization", "OpenAI-Project"],
)  # fmt: skip
def test_a_header_that_may_be_a_credential_or_changes_the_answer_matters(name: str) -> None:
    assert key_headers([(b"Accept", b"*/*"), (name.encode(), b"caf\xe9")]) == [(name.lower(), "caf\xe9")]


def test_other_headers_and_their_order_do_not_matter() -> None:
    fields = [(b"B-Key", b"1"), (b"User-Agent", b"x"), (b"Idempotency-Key", b"y"), (b"a-token", b"2"), (b"b-key", b"0")]
    assert key_headers(fields) == [("a-token", "2"), ("b-key", "1"), ("b-key", "0")]


def test_of_a_signature_only_the_access_key_matters() -> None:
    signed = b"AWS4-HMAC-SHA256 Credential=AKID/20261124/us-east-1/bedrock/aws4_request, Signature=%d"
    assert key_headers([(b"authorization", signed % 1)]) == key_headers([(b"authorization", signed % 2)])
