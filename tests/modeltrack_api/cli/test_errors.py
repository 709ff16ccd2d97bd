"""Test that what cannot be done is one line, which shows no key, and that nothing is changed then."""

import hashlib
import json
from datetime import timedelta
from pathlib import Path

import pytest

from .running import Keys

HAVE = {"keys": [{"id": "t-1", "sha256": "0" * 64, "team": "t"}]}
NEW = ["new", "--team", "t"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["disable", "none"], "there is no key with the id 'none'"),
        (["rotate", "none"], "there is no key with the id 'none'"),
        (["rotate", "t-1", "--days", "-1"], "argument --days: must be a whole number from 0 to 3650"),
        (["rotate", "t-1", "--days", "1.5"], "argument --days: must be a whole number from 0 to 3650"),
        (["rotate", "t-1", "--days", "3651"], "argument --days: must be a whole number from 0 to 3650"),
        (["rotate", "t-1", "--until", "soon"], "--until: must be a day such as 2027-06-30, or a time such as"),
        (["rotate", "t-1", "--until", "2027-06-30T12:00:00"], "--until: must be a day such as"),
        (["rotate", "t-1", "--until", "2026-11-09"], "--until: is past; --days 0 ends the old key now"),
        (["rotate", "t-1", "--expires", "2026-11-09"], "--expires: is past"),
        (["rotate", "t-1", "--expires", "x"], "--expires: must be a day such as"),
        (
            ["rotate", "t-1", "--days", "1", "--until", "2027-01-01"],
            "argument --until: not allowed with argument --days",
        ),
        (["new"], "the following arguments are required: --team"),
        (["new", "--team", ""], "--team: is required"),
        (["new", "--team", " "], "--team: must have at least 1 character"),
        (["new", "--team", "\u200b"], "--team: must have a character that can be seen"),
        (["new", "--team", "a\nb"], "--team: String should match pattern"),
        ([*NEW, "--expires", "30.6.2027"], "--expires: must be a day such as"),
        ([*NEW, "--expires", "2026-02-30"], "--expires: must be a day such as"),
        ([*NEW, "--expires", "2026-11-09"], "--expires: is past"),
        ([*NEW, "--id", "T-1"], "--id: there is a key 'T-1' already"),
        ([*NEW, "--id", "-x"], "argument --id: expected one argument"),
        ([*NEW, "--id", "a b"], "--id: String should match pattern"),
        ([*NEW, "--providers", "mistral"], "--providers: must be 'anthropic', 'openai', 'bedrock' or 'azure', not"),
        ([*NEW, "--credential", "openai"], "--credential: must be PROVIDER=env:NAME or PROVIDER=file:/path"),
        ([*NEW, "--credential", "mistral=env:A"], "--credential: must be PROVIDER=env:NAME or"),
        ([*NEW, "--credential", "openai=env:A-B"], "--credential: must be env: and the NAME"),
        ([*NEW, "--credential", "openai=env:A", "--credential", "openai=env:B"], "--credential: openai has two"),
        ([*NEW, "--proxy-url", "localhost"], "argument --proxy-url: must be a URL such as"),
        (["nwe"], "argument COMMAND: invalid choice: 'nwe'"),
        ([*NEW, "--tier", "x"], "unrecognized arguments: --tier x"),
    ],
    ids=lambda value: " ".join(value)[:40].replace("\u200b", "ZWSP") if isinstance(value, list) else "",
)
def test_what_makes_no_sense_is_one_line_and_changes_nothing(keys: Keys, arguments: list[str], says: str) -> None:
    keys.path.write_text(json.dumps(HAVE))
    done = keys.run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"modeltrack: {says}") and done.err.count("\n") == 1
    assert json.loads(keys.path.read_text()) == HAVE and keys.events() == []


@pytest.mark.parametrize("flag", ["disabled", "ended"])
def test_a_key_that_is_not_valid_is_not_rotated(keys: Keys, flag: str) -> None:
    keys.make("new", "--team", "t", "--expires", "2026-11-11")
    keys.now += timedelta(days=2) if flag == "ended" else timedelta(0)
    if flag == "disabled":
        keys.run("disable", "t-1")
    assert keys.run("rotate", "t-1").err.endswith("make a new one\n")
    assert keys.ids() == ["t-1"]


def secrets(key: str) -> list[str]:
    return [key, hashlib.sha256(key.encode()).hexdigest(), "sk-" + key[3:]]


@pytest.mark.parametrize("number", range(3), ids=["key", "hash", "provider's key"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["disable", "@"],
        ["rotate", "@"],
        ["rotate", "t-1", "@"],
        ["rotate", "t-1", "--until", "@"],
        ["@"],
        [*NEW, "--id", "@@"],
        [*NEW, "--providers", "@"],
        [*NEW, "--credential", "@"],
        [*NEW, "--credential", "openai=@"],
        [*NEW, "--credential", "@=env:X"],
        [*NEW, "--expires", "@"],
        [*NEW, "@"],
        [*NEW, "--proxy-url", "@"],
    ],
    ids=" ".join,
)
def test_an_error_shows_no_key_and_no_hash(keys: Keys, arguments: list[str], number: int) -> None:
    key = keys.make("new", "--team", "t")
    secret = secrets(key)[number]
    done = keys.run(*(text.replace("@", secret) for text in arguments))
    assert done.code == 2 and done.err.count("\n") == 1
    assert secret not in done.err and secret[8:40] not in done.err


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "not valid JSON"),
        ('{"keys": [{"id": "x", "team": "t", "sha256": "SECRET"}]}', "keys.0.sha256: String should match pattern"),
        ('{"keys": [{"id": "x", "team": "t", "sha256": "HASH", "key": "SECRET"}]}', "keys.0.key: unknown key"),
        ('{"keys": [{"id": "x", "team": "t", "sha256": "HASH", "credentials": {"openai": "SECRET"}}]}', "credentials"),
        ('{"keys": [{"id": "x", "team": "t", "sha256": "HASH", "credentials": {"SECRET": "env:A"}}]}', "credentials"),
        ('{"keys": [], "SECRET": 1}', "unknown key"),
        ('{"keys": [], "keys": []}', "duplicate key"),
    ],
    ids=range(7),
)
@pytest.mark.parametrize("arguments", [NEW, ["list"], ["disable", "x"], ["rotate", "x"]], ids=" ".join)
def test_a_file_that_is_not_valid_is_left_alone_and_its_problem_named(
    keys: Keys, arguments: list[str], content: str, says: str
) -> None:
    secret = "mt-" + "s" * 43
    text = content.replace("SECRET", secret).replace("HASH", "a" * 64)
    keys.path.write_text(text)
    done = keys.run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert says in done.err and "sss" not in done.err and "aaa" not in done.err
    assert keys.path.read_text() == text


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = Keys(tmp_path / "none", capsys)
    assert keys.run(*NEW).err == f"modeltrack: {tmp_path / 'none'}: not a folder\n"
    assert not (tmp_path / "none").exists()
