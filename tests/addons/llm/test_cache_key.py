"""SPEC, section 8: what makes two requests the same."""

from typing import Any

import orjson
import pytest

from addons.llm.cache_key import cache_key

BODY = {
    "model": "gpt-4o",
    "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
    "temperature": 0.5,
    "max_tokens": 10,
    "tools": [{"name": "t"}],
}
KEY = [("authorization", "Bearer a")]


def key(change: dict[str, Any] | None = None, provider: str = "openai", url: str = "u", headers: Any = KEY) -> bytes:
    found = cache_key(provider, url, BODY | (change or {}), headers)
    assert found and len(found) == 32
    return found


def test_key_order_and_white_space_do_not_matter() -> None:
    other = orjson.loads(orjson.dumps(dict(reversed(BODY.items())), option=orjson.OPT_INDENT_2))
    assert cache_key("openai", "u", other, KEY) == key()


@pytest.mark.parametrize("field", ["user", "metadata", "safety_identifier", "prompt_cache_key"])
def test_fields_that_do_not_shape_the_answer_do_not_matter(field: str) -> None:
    assert key({field: "x"}) == key()


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
    assert cache_key("openai", "u", {"seed": 2**70}, KEY) is None
