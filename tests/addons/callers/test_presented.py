"""Test where a key and the user of a URL are found in a request, and what is refused."""

import base64

import pytest

from addons.callers.keys import digest_of
from addons.callers.presented import NOTHING, Presented, of_proxy, presented, url_user

KEY, OTHER = f"mt-{'k' * 43}", f"mt-{'o' * 43}"  # the names of tests have them
Fields = list[tuple[str, str]]


def basic(text: str, scheme: str = "Basic ") -> str:
    return scheme + base64.b64encode(text.encode()).decode()


def show(fields: Fields, path: str = "/v1/messages", *, is_tunnelled: bool = False) -> Presented:
    raw = [(name.encode(), value.encode()) for name, value in fields]
    return presented(raw, path, is_tunnelled=is_tunnelled)


SLOTS: list[tuple[str, str]] = [
    ("Authorization", f"Bearer {KEY}"),
    ("authorization", f"bearer  {KEY} "),
    ("AUTHORIZATION", f"BEARER {KEY}"),
    ("x-api-key", KEY),
    ("X-Api-Key", f" {KEY}\t"),
    ("api-key", KEY),
    ("X-ModelTrack-Key", KEY),
    ("Authorization", basic(f"team:{KEY}")),
    ("Authorization", basic(f":{KEY}", "basic ")),
    ("authorization", basic(f"{KEY}:", "BASIC ")),
    ("authorization", basic(KEY, "Basic  ")),
    ("authorization", basic(f"{KEY}:x-oauth-basic", "Basic\t")),
]


@pytest.mark.parametrize("is_tunnelled", [False, True])
@pytest.mark.parametrize(("name", "value"), SLOTS)
def test_a_key_is_found_in_every_place_for_it_and_its_header_goes_no_further(
    name: str, value: str, is_tunnelled: bool
) -> None:
    found = show([("Host", "x"), (name, value), ("Accept", "*/*")], is_tunnelled=is_tunnelled)
    assert found == Presented(digest_of(KEY), "", "", frozenset({name.lower().encode()}))


@pytest.mark.parametrize("own", [("x-api-key", "sk-ant-own"), ("Authorization", "Bearer sk-own"), ("api-key", "0a1b")])
def test_the_callers_own_credential_beside_a_key_is_left_alone(own: tuple[str, str]) -> None:
    found = show([own, ("X-ModelTrack-Key", KEY)])
    assert found.digest == digest_of(KEY) and found.shown_in == {b"x-modeltrack-key"}


def test_the_same_key_may_come_twice() -> None:
    """Anthropic's SDK sends a key for Azure in two headers."""
    found = show([("x-api-key", KEY), ("api-key", KEY)])
    assert found == Presented(digest_of(KEY), "", "", frozenset({b"x-api-key", b"api-key"}))


@pytest.mark.parametrize("first", SLOTS[:8])
@pytest.mark.parametrize("second", [("X-ModelTrack-Key", OTHER), ("x-api-key", OTHER), ("Authorization", basic(OTHER))])
def test_two_different_keys_are_refused_and_not_quoted(first: tuple[str, str], second: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="two different ModelTrack keys came with it"):
        show([first, second])


MISPLACED: Fields = [
    ("Authorization", KEY),
    ("Authorization", f"Token {KEY}"),
    ("Authorization", f"Bearer sk-x,{KEY}"),
    ("x-api-key", f"Bearer {KEY}"),
    ("x-api-key", f"sk-ant-x {KEY}"),
    ("X-ModelTrack-Key", f"Bearer {KEY}"),
    ("X-ModelTrack-Team", KEY),
    ("X-ModelTrack-App", f"app {KEY}"),
    ("Cookie", f"a=b; key={KEY}"),
    ("X-Foo", KEY),
    ("Referer", f"https://x.test/?key={KEY}"),
    ("Sec-WebSocket-Protocol", f"realtime, openai-insecure-api-key.{KEY}"),
    ("Host", f"{KEY}.test"),
    ("Proxy-Authorization", f"Bearer {KEY}"),
]


@pytest.mark.parametrize(("name", "value"), MISPLACED)
def test_a_key_in_another_place_is_refused_and_not_quoted(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="belongs into") as error:
        show([(name, value)])
    assert KEY[3:] not in str(error.value)


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/models?key={KEY}",
        f"/v1/models?a=b&api-key={KEY}&c",
        f"/v1/{KEY}/x",
        f"/v1/models?key={KEY.replace('-', '%2D', 1)}",
        f"/v1/models?key=%6d{KEY[1:]}",
        f"/v1/models#{KEY}",
    ],
)
def test_a_key_in_the_url_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="belongs into"):
        show([], path)


@pytest.mark.parametrize(
    "fields",
    [
        [("Authorization", "Bearer sk-proj-mt-abc")],
        [("Authorization", f"Bearer sk-ant-{KEY}")],
        [("X-Request-Id", "mt-123e4567-e89b-12d3-a456-426614174000")],
        [("User-Agent", "mt-client/1.0")],
        [("Authorization", "Negotiate abc")],
        [("X-Foo", "Basic abc")],
        [("Bearer", "Basic")],
        [("X-Empty", "")],
    ],
)
def test_what_is_no_key_of_ours_passes(fields: Fields) -> None:
    assert show(fields, "/v1/models?model=mt-base&id=a%20b") is NOTHING


@pytest.mark.parametrize("name", ["x-api-key", "X-ModelTrack-Key"])
@pytest.mark.parametrize("copied", [KEY[:-1], KEY + "x", KEY[:-3]])
def test_a_key_that_was_badly_copied_counts_as_a_key_so_that_no_provider_gets_it(name: str, copied: str) -> None:
    assert show([(name, copied)]).digest == digest_of(copied)


@pytest.mark.parametrize(
    ("text", "user"),
    [
        ("team:app", ("team", "app")),
        ("team:", ("team", "")),
        ("team", ("team", "")),
        (":app", ("", "app")),
        ("team:app:1", ("team", "app:1")),
        (" té\x00am : app ", ("téam", "app")),
        ("mt-team:mt-app", ("mt-team", "mt-app")),
    ],
)
def test_the_user_of_the_base_url_stands_in_for_team_and_app(text: str, user: tuple[str, str]) -> None:
    assert show([("Authorization", basic(text))]) == Presented(None, *user, frozenset({b"authorization"}))
    assert of_proxy(basic(text)) == Presented(None, *user)


def test_in_a_tunnel_it_is_for_the_host_at_its_end() -> None:
    assert show([("Authorization", basic("user:password"))], is_tunnelled=True) is NOTHING


@pytest.mark.parametrize("header", ["", "Basic", "Basic %%%", "Basic /w==", "Digest abc", "Basic dGVhbTphcHA"])
def test_credentials_that_are_none_name_nobody(header: str) -> None:
    assert url_user(header) == ("", "") and of_proxy(header) == NOTHING


@pytest.mark.parametrize(
    "header", [basic(f"team:{KEY}"), basic(f":{KEY}"), basic(f"{KEY}:"), basic(f"{KEY}:x"), f"Bearer {KEY}"]
)
def test_the_password_of_the_proxys_url_may_be_a_key(header: str) -> None:
    assert of_proxy(header) == Presented(digest_of(KEY))


@pytest.mark.parametrize("text", [f"team:my {KEY}", f"{KEY},x:app", f"team:{KEY[:-1]}", f"{KEY}x:app"])
def test_a_name_with_a_key_in_it_is_a_wrong_key_since_names_are_written_down(text: str) -> None:
    for found in (of_proxy(basic(text)), show([("Authorization", basic(text))])):
        assert found.digest not in (None, digest_of(KEY)) and (found.team, found.app) == ("", "")


@pytest.mark.parametrize("wrong", [KEY * 2, f"{KEY}abcd"])
def test_a_key_that_was_pasted_wrong_is_a_wrong_key_and_no_label(wrong: str) -> None:
    user = base64.b64encode(f"ann:{wrong}".encode()).decode()
    for field in (("x-api-key", wrong), ("Authorization", f"Bearer {wrong}"), ("Authorization", f"Basic {user}")):
        found = show([field])
        assert found.digest == digest_of(wrong) and (found.team, found.app) == ("", "")
    assert of_proxy(f"Basic {user}") == Presented(digest_of(wrong))


def test_the_credentials_of_a_connect_are_taken_out_of_other_requests_and_not_believed() -> None:
    user = base64.b64encode(f"ann:{KEY}".encode()).decode()
    assert show([("Proxy-Authorization", f"Basic {user}")]) == Presented(shown_in=frozenset({b"proxy-authorization"}))
