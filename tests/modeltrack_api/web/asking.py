"""Send requests to a dispatcher."""

from typing import Any

import orjson

from modeltrack_api.web.dispatch import Dispatcher
from modeltrack_api.web.messages import Answer, Request

HOST = {"host": "localhost:3001"}
JSON = {"content-type": "application/json"}


def ask(api: Dispatcher, target: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.answer(Request(method, target, HOST | named, body))


def data(answer: Answer) -> Any:
    assert answer.status < 300, answer.body
    assert orjson.loads(answer.body)["error"] is None
    return orjson.loads(answer.body)["data"]
