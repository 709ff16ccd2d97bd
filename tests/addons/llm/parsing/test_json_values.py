import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.llm.parsing import json_values
from addons.llm.parsing.json_values import has_too_many_values
from addons.llm.request import TooManyValues, parse_object

MANY = 1_100_000
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just('a, [b] {"c"\\'),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=40,
)


def count(value: Any) -> int:
    """Count an empty list or object as two, as the text does."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 1 if inner is None else 1 + (sum(map(count, inner)) or 1)


def nested(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + sum(map(nested, inner))


@given(VALUES, st.booleans(), st.integers(1, 70))
def test_no_text_is_refused_for_as_many_values_as_it_has_and_none_passes_with_many_more(
    value: Any, is_ascii: bool, size: int
) -> None:
    content = json.dumps(value, ensure_ascii=is_ascii).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_values, "_SLICE", size)
        number = count(value)
        assert not has_too_many_values(content, number, nested(value))
        if len(content) >= 2 * number > 2:
            assert has_too_many_values(content, (number - 1) // 2)
        if nested(value):
            assert has_too_many_values(content, number, nested(value) - 1)


@pytest.mark.parametrize(
    "content",
    [
        b'{"a":[' + b"1," * MANY + b"1]}",
        b'{"a":[' + b"[]," * MANY + b"1]}",
        b'{"a":[' + b'"",' * MANY + b"1]}",
        b'{"a":' + b'{"":' * MANY,
        b"[" * 3 * MANY,
        b'{"a":[' + b'{"role":"user"},' * 140_000 + b"1]}",
    ],
    ids=["numbers", "lists", "strings", "objects", "never closed", "a lot of objects"],
)
def test_a_body_of_too_many_values_is_refused_before_it_is_parsed(content: bytes) -> None:
    with pytest.raises(TooManyValues, match="more than 1000000 JSON values"):
        parse_object(content)


@pytest.mark.parametrize(
    "text",
    [
        "a, b, [c], {d}; " * 200_000,
        'He said, "no", "no".\n' * 200_000,
        "\\," * 2_000_000,
        "\\" * 4_000_000,
        '",' * MANY,
    ],
    ids=["commas", "quotes", "backslashes and commas", "backslashes", "quotes and commas"],
)
def test_a_long_text_is_no_value_but_one(text: str) -> None:
    assert parse_object(json.dumps({"a": text}).encode()) == {"a": text}


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_what_is_nested_too_deeply_is_refused(opening: bytes) -> None:
    with pytest.raises(ValueError, match="is not JSON"):
        parse_object(b'{"a":' + opening * 5000 + b"1")
    with pytest.raises(ValueError, match="is not JSON"):
        parse_object(b'{"b":"\\ud800","a":' + opening * 100_000 + b"1")
