"""Start a proxy for each mode of CALLERS, in front of one fake provider, for all tests of this folder.

When they are through, no key may be in what the proxies have written.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from addons.ca_bundle import write_bundle
from demo.fake_provider.server import FakeProvider
from tests.e2e.callers.people import AWS, CREDENTIALS, keys_file, traces, upstreams
from tests.e2e.conftest import Proxy

BUDGETS = {"budgets": [{"team": "Product", "monthly_limit": 1000, "action": "warn"}]}
MODES = ("open", "known", "keys")


@pytest.fixture(scope="package")
def fake() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


@pytest.fixture(scope="package")
def start(folders: Callable[[], Path], fake: FakeProvider) -> Iterator[Callable[..., Proxy]]:
    """Start a proxy that has keys.json and the providers' credentials; "" takes a variable away."""
    made: list[Proxy] = []

    def begin(*args: str, files: dict[str, Any] | None = None, program: str = "mitmdump", **env: str) -> Proxy:
        proxy = Proxy(folders(), upstreams(fake) | AWS | CREDENTIALS | env, args, program)
        for name, content in ({"keys.json": keys_file(), "budgets.json": BUDGETS} | (files or {})).items():
            proxy.write(name, content)
        made.append(proxy)
        return proxy.start().ready()

    yield begin
    for proxy in made:
        proxy.stop()
    for path in (path for proxy in made for path in proxy.data.parent.rglob("*") if path.is_file()):
        content = path.read_bytes()
        assert not [trace for trace in traces() if trace in content], f"{path} holds a key"


class Modes(dict[str, Proxy]):
    """The proxies by their mode; each is started when it is first asked for."""

    def __init__(self, start: Callable[..., Proxy]) -> None:
        self._start = start

    def __missing__(self, mode: str) -> Proxy:
        self[mode] = self._start(CALLERS=mode)
        return self[mode]


@pytest.fixture(scope="package")
def proxies(start: Callable[..., Proxy]) -> dict[str, Proxy]:
    return Modes(start)


@pytest.fixture(scope="package")
def keys_only(proxies: dict[str, Proxy]) -> Proxy:
    return proxies["keys"]


@pytest.fixture(scope="package")
def bundle(keys_only: Proxy, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a file with the CA of all proxies."""
    path = tmp_path_factory.mktemp("ca") / "ca-bundle.pem"
    write_bundle(path, keys_only.confdir)
    return str(path)
