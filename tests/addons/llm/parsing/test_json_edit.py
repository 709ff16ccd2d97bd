import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.llm.parsing.json_edit import insert_member, member_spans, replace_member

texts = st.text(alphabet='ab"\\/\n{}[],:é\u2028 model')
values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts | st.just("model"), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(texts, values, max_size=5)


def dumped(value: Any, indent: int | None, ascii_only: bool) -> bytes:
    return json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()


@given(objects, values, st.integers(0, 5), st.none() | st.integers(0, 3), st.booleans())
def test_only_the_members_bytes_change(
    body: dict[str, Any], model: Any, place: int, indent: int | None, ascii_only: bool
) -> None:
    body.pop("model", None)
    items = list(body.items())
    items.insert(place, ("model", model))
    before = dumped(dict(items), indent, ascii_only)
    [(start, end)] = member_spans(before, "model")
    assert json.loads(before[start:end]) == model
    assert replace_member(before, "model", b'"new"') == before[:start] + b'"new"' + before[end:]
    assert json.loads(replace_member(before, "model", b'"new"')) == body | {"model": "new"}


@given(objects, st.none() | st.integers(0, 3))
def test_a_member_is_put_first(body: dict[str, Any], indent: int | None) -> None:
    before = dumped(body, indent, True)
    after = insert_member(before, "stream_options", b'{"include_usage":true}')
    assert json.loads(after) == {"stream_options": {"include_usage": True}} | body
    assert after.endswith(before[before.index(b"{") + 1 :])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"model":"a"}', b'{"model":NEW}'),
        (b'{"x":{"model":"a"},"model" :\t"b" }', b'{"x":{"model":"a"},"model" :\tNEW }'),
        (b'{"model":"a","model":"b"}', b'{"model":NEW,"model":NEW}'),
        (b'{"mod\\u0065l":"a"}', b'{"mod\\u0065l":NEW}'),
        (b'{"x":"\\"model\\":1","model":"a\\\\"}', b'{"x":"\\"model\\":1","model":NEW}'),
        (b'{"model":[{"a":["]"]}],"z":1}', b'{"model":NEW,"z":1}'),
        (b' \n{"model":-1.5e9}\r\n', b' \n{"model":NEW}\r\n'),
    ],
)
def test_a_member_is_replaced_however_it_is_written(body: bytes, expected: bytes) -> None:
    assert replace_member(body, "model", b"NEW") == expected


@pytest.mark.parametrize("body", [b"{}", b'{"x":1}', b'{"x":{"model":1}}', b'{"models":1}'])
def test_a_member_that_is_not_there_is_an_error(body: bytes) -> None:
    with pytest.raises(KeyError):
        replace_member(body, "model", b"1")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'"model"', b'{"model":', b'{"model":[1', b'{"model":1', b'{"a" 1}', b"{}{}"]
)
def test_what_is_no_object_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError):
        replace_member(body, "model", b"1")


@pytest.mark.parametrize("unit", [b"\\\\", b'\\"', b"\\n", b"\\\\\\\\\\", b"x"])
def test_five_megabytes_of_escapes_take_no_time_to_speak_of(unit: bytes) -> None:
    """This test would not end if the pattern backtracked."""
    count = 5_000_000 // len(unit)
    content = unit * (count + count % 2)
    body = b'{"x":"' + content + b'","model":"a"}'
    assert replace_member(body, "model", b"1").endswith(b'","model":1}')


def test_deep_nesting_needs_no_stack() -> None:
    body = b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b',"model":"a"}'
    assert replace_member(body, "model", b"1").endswith(b',"model":1}')
