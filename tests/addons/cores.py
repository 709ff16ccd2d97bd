"""Make what an addon is tested with: a Core with files of its own, and flows of requests as they come in."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from addons.core import Core
from addons.routing import Routing
from addons.settings.fields import SETTINGS, Settings
from addons.settings.sources import from_options

PROVIDERS = {
    f"modeltrack_{name}": f"http://{name.partition('_')[0]}.test" for name in ("anthropic_base_url", "openai_base_url")
}


def settings(folder: Path, **values: Any) -> Settings:
    options = {name: info.default for name, info in SETTINGS.items()} | PROVIDERS | {"modeltrack_data_dir": str(folder)}
    return from_options(options | {f"modeltrack_{name}": value for name, value in values.items()})


@contextmanager
def started(folder: Path, files: Mapping[str, Any] | None = None, **values: Any) -> Iterator[Core]:
    """Yield a Core whose ledger is ready. `files` are JSON in DATA_DIR by name, `values` are settings."""
    for name, content in (files or {}).items():
        (folder / name).write_bytes(orjson.dumps(content))
    core = Core()
    core.configure(settings(folder, **values))
    core.log.open()
    core.ready.set()
    yield core
    core.close()


def spend(core: Core, nanos: int, team: str = "t", app: str = "") -> None:
    core.ledger.settle(None, team, app, nanos, core.now())


def made(path: str = "/v1/messages", body: object = None, method: str = "POST", **headers: str) -> http.HTTPFlow:
    """Return the flow of a request to the proxy's own address. The header `team="t"` becomes X-ModelTrack-Team."""
    named = {f"X-ModelTrack-{name.replace('_', '-')}": value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
    fields = [(name.encode(), value.encode()) for name, value in {"Host": "localhost:8080", **named}.items()]
    request = tutils.treq(
        method=method.encode(), path=path.encode(), content=content, headers=http.Headers(fields), authority=b""
    )
    flow = tflow.tflow(req=request)
    flow.live = True
    return flow


def arrived(core: Core, path: str = "/v1/messages", body: object = None, **headers: str) -> http.HTTPFlow:
    """Return the flow of a call as Routing leaves it."""
    flow = made(path, {"model": "claude-sonnet-4-6", "max_tokens": 10} if body is None else body, **headers)
    routing = Routing(core)
    routing.requestheaders(flow)
    routing.request(flow)
    return flow


def answer(flow: http.HTTPFlow) -> dict[str, Any]:
    """Return the JSON that the flow was answered with."""
    assert flow.response and flow.response.content
    found: dict[str, Any] = orjson.loads(flow.response.content)
    return found
