import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.callers.attribution import Attribution, attribute, clean, is_yes

ALL = {
    "x-modeltrack-team": "t",
    "x-modeltrack-app": "a",
    "x-modeltrack-feature": "f",
    "x-modeltrack-customer-tier": "c",
    "x-modeltrack-session-id": "s",
    "x-modeltrack-trace-id": "r",
    "x-modeltrack-prompt-template": "p",
}


def test_each_header_gives_its_field() -> None:
    assert attribute(ALL, "default") == Attribution("t", "a", "f", "c", "s", "r", "p")


def test_what_is_missing_is_empty_but_for_the_default_team() -> None:
    assert attribute({}, "default") == Attribution(team="default")
    assert attribute({"x-modeltrack-team": " \t "}, "default") == Attribution(team="default")


def test_claude_codes_session_stands_in_for_ours() -> None:
    claude = {"x-claude-code-session-id": "cc"}
    assert attribute(claude, "").session_id == "cc"
    assert attribute(claude | ALL, "").session_id == "s"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("  a b  ", "a b"),
        ("a\r\nX: y", "aX: y"),
        ("\x00\x1b[31mred", "[31mred"),
        ("x" * 300, "x" * 256),
        ("Zoë", "Zoë"),
    ],
)
def test_values_are_trimmed_cleaned_and_cut(value: str, expected: str) -> None:
    assert clean(value) == expected


@given(st.text(alphabet=st.characters(), max_size=400))
def test_any_value_becomes_one_short_line_of_utf8(value: str) -> None:
    cleaned = clean(value)
    assert len(cleaned.encode()) <= 4 * 256 and len(cleaned.splitlines()) <= 1 and clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("value", "expected"), [("true", True), (" True", True), ("1", True), ("no", False), (None, False)]
)
def test_a_switch_is_on_when_it_says_so(value: str | None, expected: bool) -> None:
    assert is_yes(value) == expected
