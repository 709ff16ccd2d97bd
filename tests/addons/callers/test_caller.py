"""Test who a request is for: the key before the headers, these before the URL's user, and that before the default."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from addons.callers.attribution import Attribution
from addons.callers.caller import Contradiction, UnknownKey, caller
from addons.callers.keys import KeysFile, digest_of, sha256
from addons.callers.presented import NOTHING, Presented

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
ALL = {"team": "product", "app": "chatbot", "user": "ann", "feature": "search", "customer_tier": "gold"}
ENTRIES: list[dict[str, Any]] = [
    {"id": "team-only", "team": "Product"},
    {"id": "all", **ALL},
    {"id": "other", "team": "research"},
    {"id": "disabled", "team": "product", "disabled": True},
    {"id": "ended", "team": "product", "expires": (NOW - timedelta(seconds=1)).isoformat()},
]
KEYS = KeysFile.model_validate({"keys": [entry | {"sha256": sha256(entry["id"])} for entry in ENTRIES]})
USER = Presented(None, "url-team", "url-app")
TUNNEL = Presented(None, "proxy-team", "proxy-app")


def headers(said: dict[str, str]) -> dict[str, str]:
    return {f"x-modeltrack-{name.replace('_', '-')}": value for name, value in said.items()}


def key(id: str) -> Presented:
    return Presented(digest_of(id))


def ask(
    shown: Presented = NOTHING, opened: Presented = NOTHING, said: dict[str, str] | None = None, needs_key: bool = False
) -> Attribution:
    return caller(shown, opened, headers(said or {}), KEYS, NOW, "default", needs_key=needs_key).who


@pytest.mark.parametrize(
    ("shown", "opened", "said", "team", "app"),
    [
        (NOTHING, NOTHING, {}, "default", ""),
        (NOTHING, NOTHING, {"app": "a"}, "default", "a"),
        (USER, NOTHING, {}, "url-team", "url-app"),
        (NOTHING, TUNNEL, {}, "proxy-team", "proxy-app"),
        (USER, TUNNEL, {}, "url-team", "url-app"),
        (USER, TUNNEL, {"team": "t"}, "t", "url-app"),
        (USER, TUNNEL, {"team": "t", "app": "a"}, "t", "a"),
        (Presented(None, "url-team"), TUNNEL, {}, "url-team", "proxy-app"),
        (key("all"), NOTHING, {}, "product", "chatbot"),
        (NOTHING, key("all"), {}, "product", "chatbot"),
        (key("other"), key("all"), {}, "research", ""),  # the request's own key comes first
        (key("team-only"), TUNNEL, {}, "Product", ""),  # with a key, no URL's user counts
        (USER, key("team-only"), {}, "Product", ""),
        (key("team-only"), NOTHING, {"app": "a"}, "Product", "a"),
        (key("team-only"), NOTHING, {"team": "PRODUCT"}, "Product", ""),
        (key("all"), NOTHING, {"team": "pro\u200bduct ", "app": "CHATBOT"}, "product", "chatbot"),
    ],
)
def test_each_source_fills_what_those_before_it_left_open(
    shown: Presented, opened: Presented, said: dict[str, str], team: str, app: str
) -> None:
    found = ask(shown, opened, said)
    assert (found.team, found.app) == (team, app)


def test_a_key_says_who_the_caller_is_and_headers_say_the_rest() -> None:
    said = {"session_id": "s", "trace_id": "r", "prompt_template": "p"}
    who: dict[str, Any] = {**ALL, **said, "key_id": "all"}
    assert ask(key("all"), said=said) == Attribution(**who)


def test_no_header_says_the_id_of_a_key() -> None:
    assert ask(said={"key_id": "all"}).key_id == "" and ask(key("other"), said={"key_id": "all"}).key_id == "other"


@pytest.mark.parametrize("name", ALL)
def test_a_header_that_says_something_else_than_the_key_is_refused_by_a_text_that_names_both(name: str) -> None:
    with pytest.raises(Contradiction) as error:
        ask(key("all"), said={name: "mine"})
    for named in ("'all'", name.replace("_", " "), repr(ALL[name]), "'mine'"):
        assert named in str(error.value)


@pytest.mark.parametrize("team", ["research", "pr\u043educt", "Product 2", "pro duct"])  # the o is a Cyrillic one
def test_names_that_only_look_alike_are_others(team: str) -> None:
    with pytest.raises(Contradiction):
        ask(key("all"), said={"team": team})


@pytest.mark.parametrize("id", ["disabled", "ended", "unknown"])
@pytest.mark.parametrize("needs_key", [False, True])
def test_a_key_that_is_not_valid_is_never_another_callers_name(id: str, needs_key: bool) -> None:
    for shown, opened in ((key(id), NOTHING), (NOTHING, key(id)), (key(id), key("all")), (key(id), TUNNEL)):
        with pytest.raises(UnknownKey):
            ask(shown, opened, {"team": "product"}, needs_key)


@pytest.mark.parametrize(("shown", "opened"), [(NOTHING, NOTHING), (USER, NOTHING), (NOTHING, TUNNEL)])
def test_where_a_key_is_needed_names_do_not_do(shown: Presented, opened: Presented) -> None:
    with pytest.raises(UnknownKey):
        ask(shown, opened, {"team": "product"}, needs_key=True)


@pytest.mark.parametrize("needs_key", [False, True])
def test_what_is_no_key_in_the_header_for_keys_is_an_unknown_one(needs_key: bool) -> None:
    with pytest.raises(UnknownKey):
        ask(said={"key": "sk-ant-mine"}, needs_key=needs_key)


def test_the_caller_of_a_key_has_its_digest_to_look_it_up_again() -> None:
    found = caller(NOTHING, key("all"), {}, KEYS, NOW, "", needs_key=True)
    assert found.key and (found.key.id, found.digest) == ("all", digest_of("all"))
    assert caller(USER, NOTHING, {}, KEYS, NOW, "", needs_key=False)[1:] == (None, None)
