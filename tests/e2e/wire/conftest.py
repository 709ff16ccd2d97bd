from collections.abc import Callable

import pytest

from tests.e2e.absent.by_hand import Provider, behind
from tests.e2e.absent.conftest import new_client, provider
from tests.e2e.conftest import Proxy

__all__ = ["new_client", "provider"]


@pytest.fixture(scope="module", params=["true", "false"], ids=["speed-ups", "plain"])
def proxy(make_proxy: Callable[..., Proxy], provider: Provider, request: pytest.FixtureRequest) -> Proxy:
    return behind(make_proxy, provider, MODELTRACK_FAST_DISPATCH=request.param, LOG_LEVEL="debug")
