"""Streams whose server refuses `stream_options`, and those that are to be left as they are."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from demo.fake_provider.server import FakeProvider
from tests.e2e.calls import OPENAI, post
from tests.e2e.conftest import Proxy

REFUSAL = {"error": {"message": "Extra inputs are not permitted", "type": "invalid_request_error", "param": None}}
CHUNK = {"model": "gpt-4o", "choices": [{"index": 0, "delta": {"content": "Hello there."}, "finish_reason": "stop"}]}


class OldServer(BaseHTTPRequestHandler):
    """Answer in OpenAI's format, but for requests that have `stream_options`."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        refuses = "stream_options" in body
        kind = "application/json" if refuses else "text/event-stream"
        answer = json.dumps(REFUSAL) if refuses else f"data: {json.dumps(CHUNK)}\n\ndata: [DONE]\n\n"
        self.send_response(400 if refuses else 200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def old_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), OldServer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_the_next_try_works_where_a_server_refused_the_option(
    make_proxy: Callable[..., Proxy], old_server: str
) -> None:
    proxy = make_proxy(OPENAI_BASE_URL=old_server)
    first = post(proxy, "old", path=OPENAI, stream=True)
    assert (first.status_code, first.json()) == (400, REFUSAL)
    for _ in range(2):
        answer = post(proxy, "old", path=OPENAI, stream=True)
        assert answer.status_code == 200 and answer.text.endswith("data: [DONE]\n\n")
    refused, *served = proxy.events(team="old")
    assert (refused["status_code"], refused["cost_usd"], refused["error"]) == (400, 0, "invalid_request_error")
    assert all(event["usage_estimated"] and event["cost_usd"] > 0 for event in served)
    assert proxy.get("/stats")["stream_options_refused"] == 1
    assert proxy.log.count("may refuse stream_options for model 'gpt-4o'") == 1


def test_leave_sends_streams_as_they_came_and_estimates_their_usage(
    make_proxy: Callable[..., Proxy], fake: FakeProvider
) -> None:
    proxy = make_proxy(STREAM_USAGE="leave")
    own = {"stream_options": {"include_usage": False}}
    for options in ({}, own, {"stream_options": {"include_usage": True}}):
        assert post(proxy, "left", path=OPENAI, stream=True, **options).ok
    assert [json.loads(request.body).get("stream_options") for request in fake.requests] == [
        None,
        {"include_usage": False},
        {"include_usage": True},
    ]
    assert [event.get("usage_estimated", False) for event in proxy.events(team="left")] == [True, True, False]
