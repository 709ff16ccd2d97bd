import math
import resource
import subprocess
import sys

import pytest

from addons.engine.connections.files import most_connections
from tests import ROOT


@pytest.mark.parametrize(
    ("wanted", "files", "most"),
    [
        (10_000, math.inf, 10_000),
        (10_000, 1_048_576, 10_000),
        (10_000, 20_128, 10_000),
        (10_000, 20_000, 9_936),
        (10_000, 1_024, 448),
        (100, 1_024, 100),
        (10_000, 64, 24),
        (10_000, 1, 1),
    ],
)
def test_each_connection_may_need_two_files_and_some_are_kept_back(wanted: int, files: float, most: int) -> None:
    assert most_connections(wanted, files) == most


def test_the_limit_is_raised_as_far_as_it_goes() -> None:
    hard = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 500)
    code = "from addons.engine.connections.files import raise_limit; print(raise_limit())"
    limited = ["sh", "-c", f'ulimit -Sn 100; ulimit -Hn {hard}; exec "$@"', "sh", sys.executable, "-c", code]
    assert subprocess.check_output(limited, cwd=ROOT, text=True).strip() == str(hard)
