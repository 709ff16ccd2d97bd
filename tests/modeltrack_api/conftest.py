from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.modeltrack_api.alerting import Api, Clock, FakeSlack, fake_slack

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
    """The API on the test's folder; a second call is a restart."""
    with ExitStack() as stack:

        def started(**more: Any) -> Api:
            api = Api(tmp_path, clock, **more)
            stack.callback(api.close)
            return api

        yield started
