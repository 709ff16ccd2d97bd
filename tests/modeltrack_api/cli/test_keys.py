"""Test what `modeltrack keys` writes and prints, and what it refuses."""

import hashlib
import json
import shlex
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from addons.callers.keys import KEY, KeysFile, digest_of
from addons.ledger.validation import parse_model
from modeltrack_api.check_config import problems

from .running import NOW, Keys


def test_a_new_key_opens_what_its_entry_says(keys: Keys) -> None:
    key = keys.make("new", "--team", "product", "--app", "chatbot")
    assert KEY.fullmatch(key)
    assert keys.entries() == [
        {
            "id": "product-chatbot-1",
            "sha256": hashlib.sha256(key.encode()).hexdigest(),
            "team": "product",
            "app": "chatbot",
        }
    ]
    found = parse_model(KeysFile, keys.path.read_bytes()).find(digest_of(key), NOW)
    assert found and found.id == "product-chatbot-1"
    assert problems(keys.folder) == []


def test_every_field_of_an_entry_has_an_option(keys: Keys) -> None:
    keys.make(
        *shlex.split(
            "new --team t --app a --user u --feature f --customer-tier gold --models 'claude-*, gpt-4o,' --id my.key"
            " --providers openai,azure --expires 2027-06-30 --note 'of the lab' --credential openai=env:LAB_KEY"
            " --credential azure=file:/run/key=1"
        )
    )
    [entry] = keys.entries()
    del entry["sha256"]
    assert entry == {
        "id": "my.key",
        "team": "t",
        "app": "a",
        "user": "u",
        "feature": "f",
        "customer_tier": "gold",
        "models": ["claude-*", "gpt-4o"],
        "providers": ["openai", "azure"],
        "expires": "2027-06-30",
        "credentials": {"openai": "env:LAB_KEY", "azure": "file:/run/key=1"},
        "note": "of the lab",
    }
    assert {*entry, "sha256", "disabled"} == {*KeysFile.model_fields["keys"].annotation.__args__[0].model_fields}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--team", "product"], "product-1"),
        (["--team", "Product", "--app", "Chat Bot!"], "product-chat-bot-1"),
        (["--team", "Büro", "--app", "naïve"], "buro-naive-1"),
        (["--team", "研究"], "key-1"),
        (["--team", "研究", "--app", "ci"], "ci-1"),
        (["--team", "a" * 256], "a" * 54 + "-1"),
        (["--team", "--x"], "x-1"),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "",
)
def test_an_id_is_made_of_team_and_app(keys: Keys, arguments: list[str], expected: str) -> None:
    keys.make("new", *(f"{name}={value}" for name, value in zip(arguments[::2], arguments[1::2], strict=True)))
    assert keys.ids() == [expected]


def test_ids_are_numbered_and_no_number_comes_again(keys: Keys) -> None:
    for _ in range(3):
        keys.make("new", "--team", "t")
    keys.make("new", "--team", "t", "--id", "T-9")
    keys.path.write_text(json.dumps({"keys": keys.entries()[1:]}))
    keys.make("new", "--team", "t")
    assert keys.ids() == ["t-2", "t-3", "T-9", "t-10"]


def test_the_key_is_shown_once_with_what_it_may_do_and_how_to_use_it(keys: Keys) -> None:
    done = keys.run("new", "--team", "product", "--models", "claude-*", "--expires", "2027-06-30")
    [key] = KEY.findall(done.out)
    for text in (
        "product-1",
        "claude-*",
        "2027-06-30",
        "curl http://localhost:8080/v1/messages",
        'anthropic.Anthropic(base_url="http://localhost:8080"',
        'openai.OpenAI(base_url="http://localhost:8080/v1"',
        'ANTHROPIC_BASE_URL=http://localhost:8080 ANTHROPIC_AUTH_TOKEN="$MODELTRACK_KEY"',
        'env_key = "MODELTRACK_KEY"',
    ):
        assert text in done.out
    assert hashlib.sha256(key.encode()).hexdigest() not in done.out
    assert done.err == ""


@pytest.mark.parametrize(
    ("providers", "there", "not_there"),
    [
        ("anthropic", ["Claude Code", "/v1/messages"], ["openai.OpenAI", "Codex", "/bedrock", "/azure"]),
        ("openai", ["openai.OpenAI", "Codex"], ["Claude Code", "/v1/messages", "/bedrock", "/azure"]),
        ("bedrock,azure", ["/bedrock/model/", "/azure/v1/"], ["Claude Code", "Codex", "8080/v1/"]),
    ],
)
def test_only_the_clients_of_its_providers_are_explained(
    keys: Keys, providers: str, there: list[str], not_there: list[str]
) -> None:
    out = keys.run("new", "--team", "t", "--providers", providers, "--proxy-url", "http://localhost:8080/").out
    assert all(text in out for text in there) and not any(text in out for text in not_there)


@pytest.mark.parametrize(
    ("models", "model"),
    [("", "claude-haiku-4-5"), ("*sonnet*", "claude-sonnet-4-6"), ("x*,own-model.1", "own-model.1"), ("x*", "MODEL")],
)
def test_an_example_asks_for_a_model_that_the_key_may_ask_for(keys: Keys, models: str, model: str) -> None:
    out = keys.run("new", "--team", "t", "--providers", "anthropic", "--models", models).out
    assert f'"model": "{model}"' in out


def test_the_examples_are_those_of_the_proxy_that_is_named(keys: Keys) -> None:
    out = keys.run("new", "--team", "t", "--proxy-url", "https://llm.example.com").out
    assert "localhost" not in out and 'base_url = "https://llm.example.com/v1"' in out


def test_the_commands_that_are_shown_are_commands(keys: Keys) -> None:
    out = keys.run("new", "--team", "t").out
    blocks = [block for block in out.split("\n\n") if block.startswith(("# curl", "# Claude Code", "export"))]
    assert len(blocks) == 6
    for block in blocks:
        done = subprocess.run(["bash", "-n"], input=block, text=True, capture_output=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_list_shows_states_and_never_a_hash(keys: Keys) -> None:
    for name, ends in (("a", ""), ("b", "2026-11-10T12:30:00Z"), ("c", "2026-11-11"), ("d", "2026-11-11T12:00:00Z")):
        keys.make("new", "--team", name, "--expires", ends)
    keys.make("new", "--team", "e", "--expires", "2026-11-20", "--note", "a\nb\x1b[2J\u202e" + "n" * 100)
    keys.make("new", "--team", "f", "--models", "gpt-*,o3", "--providers", "openai")
    keys.run("disable", "f-1")
    hashes = [entry["sha256"] for entry in keys.entries()]
    text, as_json = keys.run("list").out, keys.run("list", "--json").out
    states = {entry["id"]: entry["state"] for entry in json.loads(as_json)}
    assert states == {
        "a-1": "valid",
        "b-1": "expires in 1 hour",
        "c-1": "expires in 2 days",
        "d-1": "expires in 24 hours",
        "e-1": "expires in 11 days",
        "f-1": "disabled",
    }
    rows = text.splitlines()
    assert [row.split()[0] for row in rows] == ["ID", *states]
    assert all(state in row for row, state in zip(rows[1:], states.values(), strict=True))
    assert rows[-1].split() == ["f-1", "f", "disabled", "openai", "gpt-*,o3"]
    assert text.replace("\n", "").isprintable()
    assert not any(part in text + as_json for part in ("sha256", *hashes))
    keys.now += timedelta(minutes=30)
    assert json.loads(keys.run("list", "--json").out)[1]["state"] == "expired"


def test_a_folder_without_keys_has_none(keys: Keys) -> None:
    assert keys.run("list").out == "There are no keys.\n"
    assert json.loads(keys.run("list", "--json").out) == []
    assert list(keys.folder.iterdir()) == []


def test_a_key_that_is_disabled_opens_nothing_and_stays_in_the_file(keys: Keys) -> None:
    key = keys.make("new", "--team", "t")
    assert keys.run("disable", "T-1").code == 0
    assert [entry["disabled"] for entry in keys.entries()] == [True]
    assert parse_model(KeysFile, keys.path.read_bytes()).find(digest_of(key), NOW) is None
    before = keys.path.stat().st_ino
    assert "already" in keys.run("disable", "t-1").out
    assert keys.path.stat().st_ino == before and len(keys.events()) == 2


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
        ([*NEW, "--credential", "openai=env:A-B"], "--credential: String should match pattern"),
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


def test_without_a_folder_it_is_the_proxys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from modeltrack_api.cli.__main__ import main

    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    assert main(["keys", "new", "--team", "t"]) == 0
    assert (tmp_path / "keys.json").exists()


def test_a_key_that_cannot_be_shown_is_named(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("builtins.print", full)
    with pytest.raises(OSError):  # the complaint cannot be printed here either
        keys.run(*NEW)
    assert keys.ids() == ["t-1"]
