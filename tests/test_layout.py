"""Check that no file grows too long to be read at once, and no folder too full."""

import subprocess
from collections import Counter
from pathlib import Path

from tests import ROOT

SOURCES = {".py", ".js", ".css"}
MOST_LINES = 300
MOST_FILES = 20


def kept_files() -> list[Path]:
    """Return the files that git keeps, or would keep, by their paths in the repository."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [Path(name) for name in listed.split("\0") if (ROOT / name).is_file()]


def test_no_source_file_is_long() -> None:
    sources = [path for path in kept_files() if path.suffix in SOURCES]
    lengths = {str(path): len((ROOT / path).read_bytes().splitlines()) for path in sources}
    assert "tests/test_layout.py" in lengths
    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_folder_has_many_files() -> None:
    files = Counter(str(path.parent) for path in kept_files())
    assert {folder: number for folder, number in files.items() if number > MOST_FILES} == {}
