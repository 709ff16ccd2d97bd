"""Test what becomes of a key and of the one that takes its place, at a time of one's own."""

import hashlib
from datetime import datetime, timedelta

import pytest

from addons.callers.keys import KeysFile, digest_of
from addons.ledger.validation import parse_model

from .running import NOW, Keys

SECOND = timedelta(seconds=1)


def is_valid(keys: Keys, key: str, when: datetime) -> bool:
    return parse_model(KeysFile, keys.path.read_bytes()).find(digest_of(key), when) is not None


@pytest.mark.parametrize(
    ("own_end", "arguments", "old_end", "new_end"),
    [
        ("", [], "2026-11-17T12:00:00Z", ""),
        ("", ["--days", "1"], "2026-11-11T12:00:00Z", ""),
        ("", ["--days", "0"], "2026-11-10T12:00:00Z", ""),
        ("", ["--until", "2026-11-30"], "2026-12-01T00:00:00Z", ""),
        ("", ["--until", "2026-11-30T13:00:00+01:00"], "2026-11-30T12:00:00Z", ""),
        ("2027-06-30", [], "2026-11-17T12:00:00Z", "2027-06-30"),
        ("2027-06-30", ["--expires", "2028-06-30"], "2026-11-17T12:00:00Z", "2028-06-30"),
        ("2027-06-30", ["--expires", "never"], "2026-11-17T12:00:00Z", ""),
        ("2026-11-12", [], "2026-11-12", "2026-11-12"),
        ("2026-11-12", ["--expires", "2027-06-30"], "2026-11-12", "2027-06-30"),
        ("2026-11-12", ["--until", "2026-11-12"], "2026-11-12", "2026-11-12"),
    ],
    ids=range(11),
)
def test_both_are_valid_until_the_old_ones_end(
    keys: Keys, own_end: str, arguments: list[str], old_end: str, new_end: str
) -> None:
    old = keys.make("new", "--team", "t", "--app", "a", "--expires", own_end)
    new = keys.make("rotate", "t-a-1", *arguments)
    assert keys.ids() == ["t-a-1", "t-a-2"]
    assert [entry.get("expires", "") for entry in keys.entries()] == [old_end, new_end]
    end = parse_model(KeysFile, keys.path.read_bytes()).keys[0].end
    assert end
    if end > NOW:
        assert is_valid(keys, old, NOW) and is_valid(keys, old, end - SECOND)
    assert is_valid(keys, new, end - SECOND)
    assert not is_valid(keys, old, end)
    assert is_valid(keys, new, end) == (old_end != new_end)


def test_one_that_ends_with_the_old_one_is_pointed_out(keys: Keys) -> None:
    keys.make("new", "--team", "t", "--expires", "2026-11-12")
    assert keys.run("rotate", "t-1").err == "modeltrack: t-2 ends when t-1 does: --expires gives it another end\n"
    assert keys.run("rotate", "t-1", "--expires", "never").err == ""


def test_the_new_one_has_the_same_rights(keys: Keys) -> None:
    rights = "--user u --feature f --customer-tier c --models m* --providers openai --credential openai=env:A --note n"
    keys.make("new", "--team", "t", *rights.split())
    new = keys.make("rotate", "t-1")
    first, second = keys.entries()
    assert second.pop("sha256") == hashlib.sha256(new.encode()).hexdigest() != first.pop("sha256")
    del first["expires"]
    assert first | {"id": "t-2"} == second


@pytest.mark.parametrize(
    ("before", "rotated", "expected"),
    [
        (["ci"], "ci", "ci-2"),
        (["product-chatbot-1"], "PRODUCT-chatbot-1", "product-chatbot-2"),
        (["a-1", "a-2", "A-7"], "a-1", "a-8"),
        (["v1.2"], "v1.2", "v1.2-2"),
        (["x" * 64], "x" * 64, "x" * 54 + "-2"),
    ],
    ids=range(5),
)
def test_the_new_ones_id_has_the_next_number(keys: Keys, before: list[str], rotated: str, expected: str) -> None:
    for name in before:
        keys.make("new", "--team", "t", "--id", name)
    keys.make("rotate", rotated)
    assert keys.ids() == [*before, expected]


def test_a_key_may_be_rotated_twice_and_the_one_in_its_place_too(keys: Keys) -> None:
    keys.make("new", "--team", "t")
    for name in ("t-1", "t-1", "t-3"):
        keys.make("rotate", name)
        keys.now += timedelta(days=1)
    assert keys.ids() == ["t-1", "t-2", "t-3", "t-4"]
    assert [entry.get("expires") for entry in keys.entries()] == [
        "2026-11-17T12:00:00Z",
        None,
        "2026-11-17T12:00:00Z",  # the end that the first rotation gave it, and an error line says so
        "2026-11-17T12:00:00Z",
    ]


def test_what_is_printed_says_when_the_old_one_ends(keys: Keys) -> None:
    keys.make("new", "--team", "t")
    done = keys.run("rotate", "t-1")
    assert "t-1, in whose place it comes, ends at 2026-11-17T12:00:00Z." in done.out
    assert "t-2" in done.out
