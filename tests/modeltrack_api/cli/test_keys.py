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
from modeltrack_api.cli.__main__ import main

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


def test_without_a_folder_it_is_the_proxys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    assert main(["keys", "new", "--team", "t"]) == 0
    assert (tmp_path / "keys.json").exists()
