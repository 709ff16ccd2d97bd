import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.absent.by_hand import Client, NewClient, Provider, behind
from tests.e2e.conftest import Proxy


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as made:
        yield made


@pytest.fixture(scope="module")
def proxy(make_proxy: Callable[..., Proxy], provider: Provider) -> Proxy:
    return behind(make_proxy, provider)


@pytest.fixture
def new_client() -> Iterator[NewClient]:
    with contextlib.ExitStack() as stack:

        def make(*args: Any, **kwargs: Any) -> Client:
            client = Client(*args, **kwargs)
            stack.callback(client.close)
            return client

        yield make
