"""Make a dispatcher of a few routes that show what they are asked."""

from collections.abc import Iterator
from typing import Any

import pytest

from modeltrack_api.app import App
from modeltrack_api.routes import health
from modeltrack_api.web import params
from modeltrack_api.web.dispatch import Dispatcher, Route
from modeltrack_api.web.handler import ApiError, Ask, Reply
from tests.modeltrack_api.serving import TOKEN, opened, settings


def show(ask: Ask) -> dict[str, Any]:
    return {"args": dict(ask.args), "team": ask.filters.team, "window": list(ask.window), "body": ask.body}


def fail(ask: Ask) -> None:
    raise RuntimeError(f"with {TOKEN}")


def teapot(ask: Ask) -> None:
    raise ApiError(400, "no tea")


ROUTES = [
    Route("GET", "/api/health", health, catches_up=False),
    Route("GET", "/api/show", show, (params.Param("limit", params.LIMIT, 100),), window=True, filters=("team",)),
    Route("POST", "/api/show", show, takes_body=True),
    Route("GET", "/api/features/{name}", show, (params.Param("name", params.TEXT),)),
    Route("DELETE", "/api/alerts/{id}", show, (params.Param("id", params.ID),)),
    Route("PATCH", "/api/alerts/{id}/dismiss", show, (params.Param("id", params.ID),)),
    Route("PATCH", "/api/alerts/restore-all", show),
    Route("GET", "/api/large", lambda _: ["x" * 2000]),
    Route("GET", "/api/fail", fail),
    Route("GET", "/api/teapot", teapot),
    Route("GET", "/api/file", lambda _: Reply(b"a,b", content_type="text/csv", headers={"Content-Disposition": "x"})),
    Route("POST", "/api/made", lambda _: Reply({"id": 1}, 201), takes_body=True),
    Route("GET", "/metrics", show, catches_up=False),
    Route("GET", "/", lambda _: Reply(b"<html>", content_type="text/html"), catches_up=False, any_query=True),
]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with opened(App(settings(tmp_path_factory.mktemp("data")))) as app:
        yield app


@pytest.fixture
def api(app: App) -> Dispatcher:
    return Dispatcher(app, ROUTES)
