from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.modeltrack_api.alerting.started import Api, Clock, FakeSlack, fake_slack
from tests.modeltrack_api.queries.asking import Asking, Database

Start = Callable[..., Api]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as slack:
        yield slack


@pytest.fixture
def start(tmp_path: Path, clock: Clock) -> Iterator[Start]:
    """Start the API on the test's folder; to call it a second time is a restart."""
    with ExitStack() as stack:

        def started(**more: Any) -> Api:
            api = Api(tmp_path, clock, **more)
            stack.callback(api.close)
            return api

        yield started


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Make databases from log lines, and close them at the end of the test."""
    made: list[Asking] = []

    def make(*lines: bytes, budgets: Any = ()) -> Asking:
        made.append(Asking(tmp_path, lines, budgets))
        return made[-1]

    yield make
    for each in made:
        each.close()
