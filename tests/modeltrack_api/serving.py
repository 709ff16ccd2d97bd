"""Serve the API on a real socket inside the test's process, for a client that may send anything."""

import json
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import orjson

from modeltrack_api.app import App
from modeltrack_api.settings import ApiSettings
from modeltrack_api.web.messages import Answer, Request
from modeltrack_api.web.server import Limits, Server

TOKEN = "s3cr3t-f00-token"


def settings(folder: Path, **more: Any) -> ApiSettings:
    return ApiSettings(data_dir=folder, db_path=folder / "modeltrack.db", port=0, **more)


def event(**fields: Any) -> dict[str, Any]:
    return {
        "event_id": str(uuid.uuid4()),
        "timestamp": "2026-03-10T12:00:00.000000Z",
        "event_type": "llm_api",
        "provider": "openai",
        "model": "gpt-4o",
        "input_tokens": 10,
        "output_tokens": 5,
        "cost_usd": 0.000075,
        "status_code": 200,
        "team": "product",
    } | fields


def append(log: Path, *events: dict[str, Any]) -> None:
    with log.open("ab") as file:
        file.write(b"".join(json.dumps(item).encode() + b"\n" for item in events))


@contextmanager
def opened(app: App) -> Iterator[App]:
    app.open()
    app.start()
    try:
        yield app
    finally:
        app.close()


@contextmanager
def serving(answer: Callable[[Request], Answer], limits: Limits | None = None) -> Iterator[Server]:
    server = Server("127.0.0.1", 0, answer, limits or Limits())
    server.start()
    try:
        yield server
    finally:
        server.stop()


class Client(socket.socket):
    def __init__(self, server: Server) -> None:
        super().__init__(server.address_family)
        self.settimeout(60)
        self.connect(server.server_address)

    def ask(self, request: bytes | str, method: str = "GET") -> tuple[HTTPResponse, bytes]:
        """Send the bytes and read one answer."""
        self.sendall(request.encode("latin-1") if isinstance(request, str) else request)
        response = HTTPResponse(self, method=method)
        response.begin()
        return response, response.read()

    def rest(self) -> bytes:
        """Read everything until the server closes the connection."""
        found = b""
        while block := self.recv(65536):
            found += block
        return found


def error(body: bytes) -> str:
    """Return the error message of an envelope, which must have one."""
    envelope = orjson.loads(body)
    assert envelope.keys() == {"data", "error"} and envelope["data"] is None
    assert isinstance(envelope["error"], str)
    return envelope["error"]
