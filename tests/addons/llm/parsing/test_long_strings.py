import json
import random
import re
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from addons.llm.parsing import long_strings
from addons.llm.parsing.long_strings import LONG, SHORT, left_out, shortened
from addons.llm.sizes import size_of

MB = 2**20
TEXTS = {
    "base64": "QUJD" * 2 * MB,
    "prose": 'He said, "no, [not] {that}\\".\n' * 300_000,
    "not ascii": "Ich könnte \u20ac \U0001f600 sagen. " * 300_000,
    "backslashes": "\\" * 6 * MB,
}


def asks(text: str) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": text}, {"a": [1, "b"]}]}]}


@pytest.mark.parametrize("is_ascii", [True, False])
@pytest.mark.parametrize("kind", TEXTS)
def test_a_long_string_is_cut_and_its_size_is_kept(kind: str, is_ascii: bool) -> None:
    body = asks(TEXTS[kind])
    content = json.dumps(body, ensure_ascii=is_ascii).encode()
    short = orjson.loads(shortened(content))
    if kind == "backslashes":
        assert short == body  # nothing in it is a safe place to cut
        return
    assert len(orjson.dumps(short)) < 4 * LONG
    written = len(json.dumps(TEXTS[kind], ensure_ascii=is_ascii).encode())
    assert 0 <= written + 500 - size_of(short).text_bytes < 2 * LONG
    text = short["messages"][0]["content"][0]["text"]
    assert left_out(text) > 3 * MB
    assert short["messages"][0]["content"][1] == {"a": [1, "b"]}


def test_a_text_of_a_usual_size_is_the_same_object() -> None:
    content = b'{"a":"' + b"x" * (SHORT - 8) + b'"}'
    assert shortened(content) is content


def test_other_texts_of_the_same_length_are_others() -> None:
    one = json.dumps(asks("x" * 5 * MB)).encode()
    other = one[: 3 * MB] + b"y" + one[3 * MB + 1 :]
    assert shortened(one) == shortened(bytes(one)) != shortened(other)


@pytest.mark.parametrize("values", [list(range(MB)), [""] * 2 * MB, [[]] * 2 * MB, [" " * 1000] * 6000])
def test_what_is_long_but_no_string_stays(values: list[Any]) -> None:
    content = json.dumps(values, indent=300 if len(values) < 10_000 else None).encode()
    assert len(content) > SHORT
    assert orjson.loads(shortened(content)) == values


CUT_AT_THE_END = ["\\aaaa\U0001f600", "\\\U0001f600\\a", "", "\\", "aa\U0001f600", "", "\\a", "\\\\", "\\\U0001f600"]


@example([*CUT_AT_THE_END, CUT_AT_THE_END[0]], False, 2)
@given(st.lists(st.text('ab"\\\n\u00e9\U0001f600', max_size=30), max_size=30), st.booleans(), st.integers(0, 10**6))
def test_any_text_stays_json_of_the_same_shape(pieces: list[str], is_ascii: bool, seed: int) -> None:
    text = "".join(random.Random(seed).choices([*pieces, "plain text of some length"], k=200))
    body = {"a": text, "b": [text[:50], {"c": text[::-1]}], "d": 1}
    content = json.dumps(body, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_strings, "SHORT", 10)
        patch.setattr(long_strings, "_SLICE", 64)
        short = orjson.loads(shortened(content))
    expected = json.loads(content)
    matches_all(short, expected)


def matches_all(short: Any, whole: Any) -> None:
    if isinstance(whole, dict):
        assert short.keys() == whole.keys()
        for name in whole:
            matches_all(short[name], whole[name])
    elif isinstance(whole, list):
        for one, other in zip(short, whole, strict=True):
            matches_all(one, other)
    elif isinstance(whole, str):
        ends = re.split(r"\x7f\[\d+ bytes left out, SHA-256 \w{64}\]", short)
        assert whole.startswith(ends[0]) and whole.endswith(ends[-1])
    else:
        assert short == whole
