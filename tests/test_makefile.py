"""`make` on machines that lack something: one clear line, and nothing is harmed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make(checkout: Path, target: str, **env: str) -> tuple[int, list[str]]:
    """Exit code, and the lines that are not make's own."""
    command = [shutil.which("make") or "make", target]
    done = subprocess.run(command, cwd=checkout, env=env, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("make: ")]


@pytest.mark.parametrize("target", ["demo", "test"])
def test_without_a_new_enough_python_it_says_so_in_one_line(checkout: Path, target: str) -> None:
    old = checkout / "bin" / "python3"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\nexit 1\n")  # as one that is older answers to being asked
    old.chmod(0o755)
    code, lines = make(checkout, target, PATH=str(old.parent))
    assert code != 0
    assert lines == ["ModelTrack needs Python 3.12 or newer (with venv and pip); none was found on PATH."]
    assert not (checkout / ".venv").exists()


def test_what_a_linked_venv_leads_to_is_left_alone(checkout: Path) -> None:
    shared = checkout / "shared"
    shared.mkdir()
    (shared / "of-others").touch()
    (checkout / ".venv").symlink_to(shared)
    code, lines = make(checkout, "test", PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert code != 0 and len(lines) == 1 and ".venv is a link" in lines[0]
    assert [path.name for path in shared.iterdir()] == ["of-others"]
