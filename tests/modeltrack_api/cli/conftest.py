from pathlib import Path

import pytest

from .running import Keys


@pytest.fixture
def keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Keys:
    return Keys(tmp_path, capsys)
