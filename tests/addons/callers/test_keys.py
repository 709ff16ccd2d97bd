"""Test keys.json: what an entry may say, when a key ends, what it is for, and how it is found."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from addons.callers.keys import KEY, KEY_WITHIN, LIKE_KEY, Key, KeysFile, digest_of, new_key, sha256

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def entry(secret: str = "mt-1", **values: Any) -> dict[str, Any]:
    return {"id": "one", "sha256": sha256(secret), "team": "product"} | values


def key(**values: Any) -> Key:
    return Key.model_validate(entry(**values))


def test_a_new_key_has_the_form_of_keys_and_256_random_bits() -> None:
    made = {new_key() for _ in range(100)}
    assert len(made) == 100 and all(KEY.fullmatch(secret) and len(secret) == 46 for secret in made)


@pytest.mark.parametrize(
    ("before", "after", "is_found"),
    [
        ("", "", True),
        ("Bearer ", "", True),
        ("key=", "; path=/", True),
        ("openai-insecure-api-key.", ",", True),
        ('{"key": "', '"}', True),
        ("sk-ant-", "", False),  # a provider's key that happens to have the form of ours within
        ("x", "", False),
        ("", "x", False),
        ("_", "-", False),
    ],
)
def test_a_key_is_found_within_a_text_unless_it_is_a_part_of_a_longer_word(
    before: str, after: str, is_found: bool
) -> None:
    assert bool(KEY_WITHIN.search(before + new_key() + after)) is is_found


@pytest.mark.parametrize(("change", "is_like_one"), [(-3, True), (-1, True), (0, True), (3, True), (-4, False)])
def test_a_key_that_was_badly_copied_is_like_one(change: int, is_like_one: bool) -> None:
    secret = new_key()
    copied = secret[:change] if change < 0 else secret + "x" * change
    assert bool(LIKE_KEY.fullmatch(copied)) is is_like_one


def test_names_with_the_prefix_are_not_like_keys() -> None:
    assert not LIKE_KEY.fullmatch("mt-team") and not LIKE_KEY.fullmatch("mt-123e4567-e89b-12d3-a456-426614174000")


@pytest.mark.parametrize(
    ("expires", "last"),
    [
        ("2026-11-28", datetime(2026, 11, 28, 23, 59, 59, tzinfo=UTC)),
        ("2026-11-28T12:00:01Z", NOW),
        ("2026-11-28T14:00:01+02:00", NOW),
        ("2026-11-28 12:00:01+00:00", NOW),
    ],
)
def test_a_key_is_valid_to_the_end_of_its_last_day_or_to_its_second(expires: str, last: datetime) -> None:
    found = key(expires=expires)
    assert found.is_valid(last) and not found.is_valid(last + timedelta(seconds=1))


def test_a_key_without_an_end_is_valid_until_it_is_disabled() -> None:
    assert key().end is None and key().is_valid(datetime.max.replace(tzinfo=UTC))
    assert not key(disabled=True).is_valid(NOW)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"expires": "2026-11-31"}, "must be a day such as"),
    ({"expires": "2026-11-28T12:00:00"}, "must be a day such as"),  # of which time zone?
    ({"expires": "20261128"}, "must be a day such as"),
    ({"expires": "2026-W48-6"}, "must be a day such as"),
    ({"expires": "٢٠٢٦-11-28"}, "must be a day such as"),
    ({"expires": "9999-12-31"}, "must be a day such as"),
    ({"expires": "soon"}, "must be a day such as"),
    ({"id": ""}, "at least 1 character"),
    ({"id": "-a"}, "should match pattern"),
    ({"id": "a b"}, "should match pattern"),
    ({"id": "a" * 65}, "at most 64 characters"),
    ({"sha256": "ab"}, "should match pattern"),
    ({"sha256": sha256("x").upper()}, "should match pattern"),
    ({"team": ""}, "at least 1 character"),
    ({"team": "\u200b"}, "can be seen"),
    ({"models": [""]}, "at least 1 character"),
    ({"models": "gpt-4o"}, "valid list"),
    ({"providers": ["google"]}, "Input should be"),
    ({"credentials": {"google": "env:A"}}, "Input should be"),
    ({"credentials": {"openai": "sk-proj-1234567890"}}, "must be env:"),
    ({"credentials": {"openai": "env:"}}, "must be env:"),
    ({"credentials": {"openai": "env:A B"}}, "must be env:"),
    ({"credentials": {"openai": "file:"}}, "must be env:"),
    ({"credentials": {"openai": "file:/a\nb"}}, "must be env:"),
    ({"credentials": {"openai": "file:sk-proj-1234567890"}}, "must be env:"),
    ({"credentials": {"azure": f"env:{'0123456789abcdef' * 2}"}}, "must be env:"),
    ({"id": f"mt-{'k' * 43}"}, "must be no key"),
    ({"team": f"mt-{'k' * 43}"}, "must be no key"),
    ({"user": f"mt-{'k' * 43}"}, "must be no key"),
    ({"models": [f"mt-{'k' * 43}"]}, "must be no key"),
    ({"note": f"of mt-{'k' * 43}"}, "must be no key"),
    ({"disabled": "perhaps"}, "valid boolean"),
    ({"key": "mt-1"}, "Extra inputs"),
]


@pytest.mark.parametrize(("values", "reason"), WRONG, ids=[str(values)[:40] for values, _ in WRONG])
def test_what_an_entry_may_not_say(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        key(**values)


@pytest.mark.parametrize(
    ("patterns", "model", "may"),
    [
        ([], "anything", True),
        (["gpt-4o-mini"], "gpt-4o-mini", True),
        (["gpt-4o-mini"], "gpt-4o", False),
        (["gpt-4o"], "gpt-4o-mini", False),
        (["claude-*", "gpt-4o-mini"], "claude-sonnet-4-6", True),
        (["claude-*"], "us.anthropic.claude-sonnet-4-6", False),
        (["*claude-*"], "us.anthropic.claude-sonnet-4-6", True),
        (["Claude-*"], "CLAUDE-x", True),
        (["gpt-4[ox]"], "gpt-4o", True),
        (["gpt-?"], "gpt-5", True),
    ],
)
def test_a_key_is_for_the_models_of_its_patterns(patterns: list[str], model: str, may: bool) -> None:
    assert key(models=patterns).may_ask_for(model) is may


def test_a_key_is_for_the_providers_of_its_list() -> None:
    assert key().may_call("azure")
    assert key(providers=["openai"]).may_call("openai") and not key(providers=["openai"]).may_call("azure")


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (entry("mt-2"), "two keys have the id 'one'"),
        (entry("mt-2", id="ONE"), "two keys have the id 'ONE'"),
        (entry("mt-1", id="two"), "the key 'two' has the sha256 of another one"),
    ],
)
def test_two_keys_differ_in_id_and_hash(other: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        KeysFile.model_validate({"keys": [entry(), other]})


KEYS = KeysFile.model_validate(
    {
        "keys": [
            entry("mt-valid", id="valid"),
            entry("mt-disabled", id="disabled", disabled=True),
            entry("mt-ended", id="ended", expires=(NOW - timedelta(seconds=1)).isoformat()),
            entry("mt-ends", id="ends", expires=(NOW + timedelta(seconds=1)).isoformat()),
        ]
    }
)


@pytest.mark.parametrize(
    ("secret", "found"),
    [("mt-valid", "valid"), ("mt-ends", "ends"), ("mt-disabled", ""), ("mt-ended", ""), ("mt-unknown", "")],
)
def test_only_a_key_that_is_valid_now_is_found(secret: str, found: str) -> None:
    """One that is wrong takes the same way as one that is disabled: to look up its hash, and to look at the time."""
    key = KEYS.find(digest_of(secret), NOW)
    assert (key.id if key else "") == found


def test_the_hash_of_a_text_that_is_no_unicode_is_found_without_an_error() -> None:
    assert KEYS.find(digest_of("mt-\udcff"), NOW) is None
