import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.callers.attribution import Attribution, attribute, clean, is_yes, own_headers

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
    assert attribute(own_headers([(b"X-ModelTrack-Team", b" \t ")]), "default") == Attribution(team="default")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([b"t"], "t"),
        ([b"", b"t"], "t"),
        ([b" ", "\u200b".encode(), b"t"], "t"),
        ([b"t", b""], "t"),
        ([b"Team", b"team"], "Team"),
        (["té".encode(), "te\u0301".encode()], "té"),
        (["té".encode("latin-1")], "té"),
        ([b""], None),
        (["\u200b\u2060".encode()], None),
    ],
)
def test_the_first_header_that_is_not_empty_counts(values: list[bytes], expected: str | None) -> None:
    assert own_headers([(b"x-ModelTrack-team", value) for value in values]).get("x-modeltrack-team") == expected


@pytest.mark.parametrize("name", ["x-modeltrack-team", "x-modeltrack-no-cache", "x-claude-code-session-id", "x-keep"])
def test_two_headers_that_differ_are_named_and_not_quoted(name: str) -> None:
    with pytest.raises(ValueError, match=f"^the header {name} comes twice, with two different values$"):
        own_headers([(name.encode(), b"one"), (b"x-modeltrack-app", b"a"), (name.upper().encode(), b"two")], "x-keep")


def test_other_headers_are_not_read() -> None:
    fields = [(b"x-modeltrack-other", b"1"), (b"x-modeltrack-other", b"2"), (b"authorization", b"Bearer x")]
    assert own_headers(fields) == {}


def test_claude_codes_session_stands_in_for_ours() -> None:
    claude = own_headers([(b"X-Claude-Code-Session-Id", b"cc")])
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
