"""Test the modes of files that the program makes, and that no link is followed in their place."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from addons.ledger.private_files import is_link, open_private, open_to_read, tighten

CREATE = os.O_RDWR | os.O_CREAT


@pytest.fixture(params=[0o000, 0o022, 0o027, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_for_its_owner_and_group_at_most(tmp_path: Path, umask: int) -> None:
    os.close(open_private(tmp_path / "new", CREATE))
    assert mode(tmp_path / "new") == 0o640 & ~umask


@pytest.mark.parametrize("before", [0o666, 0o644, 0o664, 0o660, 0o640, 0o600, 0o400, 0o4755])
def test_a_file_of_ours_loses_what_is_too_much_and_nothing_else(tmp_path: Path, before: int, umask: int) -> None:
    (path := tmp_path / "old").write_text("kept")
    path.chmod(before)
    os.close(open_private(path, os.O_RDONLY | os.O_CREAT))
    assert mode(path) == before & 0o640 and path.read_text() == "kept"


def test_a_file_of_somebody_else_keeps_its_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path := tmp_path / "theirs").touch()
    path.chmod(0o666)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    os.close(open_private(path, CREATE))
    assert mode(path) == 0o666


def test_what_is_no_file_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    tighten(tmp_path)
    assert mode(tmp_path) == 0o755


@pytest.mark.parametrize("target", ["there", "nowhere", "itself"])
def test_a_link_is_not_followed(tmp_path: Path, target: str) -> None:
    (tmp_path / "there").write_text("theirs")
    (link := tmp_path / "itself").symlink_to(tmp_path / target)
    assert is_link(link) and not is_link(tmp_path / "there") and not is_link(tmp_path / "nowhere")
    for opens in (lambda: open_private(link, CREATE), lambda: open_to_read(link)):
        with pytest.raises(OSError, match="is a symbolic link, which is not followed") as error:
            opens()
        assert (error.value.errno, error.value.filename) == (errno.ELOOP, str(link))
    assert not (tmp_path / "nowhere").exists() and (tmp_path / "there").read_text() == "theirs"


def test_links_above_the_file_are_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    os.close(open_private(tmp_path / "link/new", CREATE))
    assert (tmp_path / "folder/new").exists()


@pytest.mark.parametrize("opens", [lambda path: open_private(path, os.O_RDWR), open_to_read])
def test_other_errors_stay_what_they_are(tmp_path: Path, opens: object) -> None:
    assert callable(opens)
    with pytest.raises(FileNotFoundError):
        opens(tmp_path / "nothing")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        opens(tmp_path / "file/below")


def test_reading_changes_no_mode(tmp_path: Path) -> None:
    (path := tmp_path / "old").write_bytes(b"content")
    path.chmod(0o644)
    with open_to_read(path) as file:
        assert file.read() == b"content"
    assert mode(path) == 0o644


def test_a_descriptor_is_not_handed_to_other_programs(tmp_path: Path) -> None:
    fd = open_private(tmp_path / "new", CREATE)
    assert not os.get_inheritable(fd)
    os.close(fd)
