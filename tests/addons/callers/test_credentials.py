"""Test where the credentials come from that the proxy puts in, and that a changed file counts."""

import logging
import os
from pathlib import Path

import pytest

from addons.callers.credentials import VARIABLES, Credentials, Missing
from addons.callers.keys import Key, KeysFile, sha256

OWN = {name: f"own-{provider}" for provider, name in VARIABLES.items()}


def key(**references: str) -> Key:
    return Key.model_validate({"id": "k", "sha256": sha256("k"), "team": "t", "credentials": references})


def made(environ: dict[str, str], *keys: Key) -> Credentials:
    found = Credentials(environ)
    found.refer_to(KeysFile(keys=list(keys)))
    return found


@pytest.mark.parametrize("provider", VARIABLES)
def test_each_provider_has_a_variable(provider: str) -> None:
    assert made(OWN).of(provider, key()) == f"own-{provider}"


@pytest.mark.parametrize(("provider", "variable"), VARIABLES.items())
def test_its_value_may_be_in_a_file(provider: str, variable: str, tmp_path: Path) -> None:
    path = tmp_path / "credential"
    path.write_text("  from-file\n")
    assert made({f"{variable}_FILE": str(path)}).of(provider, key()) == "from-file"


def test_a_variable_and_a_file_for_the_same_are_an_error() -> None:
    with pytest.raises(ValueError, match="OPENAI_API_KEY_FILE: '/a' is not allowed: must be empty"):
        Credentials(OWN | {"OPENAI_API_KEY_FILE": "/a"})


def test_a_key_may_name_another_account(tmp_path: Path) -> None:
    path = tmp_path / "azure"
    path.write_text("other-azure")
    other = key(openai="env:RESEARCH", azure=f"file:{path}")
    found = made(OWN | {"RESEARCH": "other-openai"}, other)
    assert [found.of(name, other) for name in VARIABLES] == [
        "own-anthropic",
        "other-openai",
        "other-azure",
        "own-bedrock",
    ]
    assert found.of("openai", key()) == "own-openai"


@pytest.mark.parametrize(
    ("environ", "references", "text"),
    [
        ({}, {}, "the variable OPENAI_API_KEY or OPENAI_API_KEY_FILE has no credential for openai"),
        (
            {"OPENAI_API_KEY": " \n"},
            {},
            "the variable OPENAI_API_KEY or OPENAI_API_KEY_FILE has no credential for openai",
        ),
        ({"OPENAI_API_KEY": "two words"}, {}, "the variable OPENAI_API_KEY or OPENAI_API_KEY_FILE has no credential"),
        ({"OPENAI_API_KEY": "a\r\nX: y"}, {}, "the variable OPENAI_API_KEY or OPENAI_API_KEY_FILE has no credential"),
        ({"OPENAI_API_KEY_FILE": "/none"}, {}, "the file /none has no credential for openai"),
        (OWN, {"openai": "env:RESEARCH"}, "the variable RESEARCH has no credential for openai"),
        (OWN, {"openai": "file:/none"}, "the file /none has no credential for openai"),
    ],
)
def test_one_that_is_missing_is_named_and_no_other_stands_in(
    environ: dict[str, str], references: dict[str, str], text: str
) -> None:
    found = made(environ, key(**references))
    with pytest.raises(Missing, match=text) as error:
        found.of("openai", key(**references))
    assert "own" not in str(error.value) and "two" not in str(error.value)


def replace(path: Path, content: bytes) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)


def test_a_file_that_changes_is_read_again_and_one_that_goes_keeps_what_it_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "credential"
    path.write_text("one")
    found = made({"OPENAI_API_KEY_FILE": str(path)})
    for content, expected in ((b"two", "two"), (b"\xff\xff", "two"), (b"three", "three")):
        replace(path, content)
        found.refresh()
        assert found.of("openai", key()) == expected
    path.unlink()
    found.refresh()
    assert found.of("openai", key()) == "three"
    assert caplog.messages == [f"{path}: a new credential is in force"] * 2


def test_a_file_of_the_same_size_and_time_is_known_by_its_inode(tmp_path: Path) -> None:
    path = tmp_path / "credential"
    path.write_text("one")
    found = made({"OPENAI_API_KEY_FILE": str(path)})
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    new = tmp_path / "new"
    new.write_text("two")
    os.utime(new, ns=times)
    new.replace(path)
    found.refresh()
    assert found.of("openai", key()) == "two"


def test_a_file_may_come_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "credential"
    other = key(openai=f"file:{path}")
    found = made({}, other)
    for _ in range(2):
        found.refresh()
    assert caplog.messages == [f"{path}: the credential cannot be read: No such file or directory"]
    path.write_text("here")
    found.refresh()
    assert found.of("openai", other) == "here"


def test_a_file_that_is_no_secret_is_read_to_a_bound(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * 2**20)
    assert len(made({"OPENAI_API_KEY_FILE": str(path)}).of("openai", key())) == 64 * 2**10
