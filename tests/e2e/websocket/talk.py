"""Talk over a socket of the Responses API, as clients and the provider do."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import openai
from websockets.sync.client import ClientConnection, connect

from demo.fake_provider.server import FakeProvider
from tests.e2e.conftest import KEY, PROMPT, Proxy, until

FINAL = ("response.completed", "response.failed", "response.incomplete", "response.steer.failed", "error")
COST = 0.0045  # of the fake provider's usual answer by gpt-4o: 1000 tokens in, 200 out


@contextmanager
def sdk(url: str, app: str, team: str = "ws", **headers: str) -> Iterator[Any]:
    names = {"X-ModelTrack-Team": team, "X-ModelTrack-App": app, **headers}
    with openai.OpenAI(api_key=KEY, base_url=url + "/v1", default_headers=names) as client:
        with client.responses.connect() as connection:
            yield connection


@contextmanager
def raw(url: str, app: str, team: str = "ws") -> Iterator[ClientConnection]:
    headers = {"X-ModelTrack-Team": team, "X-ModelTrack-App": app, "Authorization": f"Bearer {KEY}"}
    with connect(url.replace("http", "ws") + "/v1/responses", additional_headers=headers, proxy=None) as socket:
        yield socket


def until_final(connection: Any) -> list[Any]:
    events = []
    for event in connection:
        events.append(event)
        if event.type in FINAL:
            return events
    raise AssertionError("the socket was closed")


def answer(connection: Any, fake: str = "", **body: Any) -> list[Any]:
    """All events of one response."""
    metadata = {"metadata": {"fake": fake}} if fake else {}
    connection.response.create(**{"model": "gpt-4o", "input": PROMPT, **metadata, **body})
    return until_final(connection)


async def answer_async(connection: Any, **body: Any) -> list[dict[str, Any]]:
    await connection.response.create(**{"model": "gpt-4o", "input": PROMPT, **body})
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] not in FINAL:
        events.append((await connection.recv()).model_dump())
    return events


def request(**body: Any) -> str:
    return json.dumps({"type": "response.create", "model": "gpt-4o", "input": PROMPT} | body)


def receive(socket: ClientConnection) -> Any:
    return json.loads(socket.recv(timeout=20))


def last_of(socket: ClientConnection) -> Any:
    while (event := receive(socket))["type"] not in FINAL:
        pass
    return event


def nothing_is_left(proxy: Proxy) -> None:
    until(lambda: (stats := proxy.get("/stats"))["in_flight"] == 0 and stats["reserved_usd"] == 0)


def messages(fake: FakeProvider) -> list[Any]:
    return [json.loads(request.body) for request in fake.requests if request.method == "MESSAGE"]
