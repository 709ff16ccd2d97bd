from collections.abc import Callable, Iterator

import pytest

from tests.e2e.absent.by_hand import Provider, behind
from tests.e2e.absent.conftest import new_client
from tests.e2e.conftest import Proxy

__all__ = ["new_client"]


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as made:
        yield made


@pytest.fixture(scope="module", params=["true", "false"], ids=["speed-ups", "plain"])
def proxy(make_proxy: Callable[..., Proxy], provider: Provider, request: pytest.FixtureRequest) -> Proxy:
    return behind(make_proxy, provider, MODELTRACK_FAST_DISPATCH=request.param, LOG_LEVEL="debug")
