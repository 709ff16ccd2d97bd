from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.modeltrack_api.queries.asking import Asking, Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made: list[Asking] = []

    def make(*lines: bytes, budgets: Any = ()) -> Asking:
        made.append(Asking(tmp_path, lines, budgets))
        return made[-1]

    yield make
    for each in made:
        each.close()
