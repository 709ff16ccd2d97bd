"""Answers in odd forms through a whole proxy: a stream without its header, an error or a page in a 200, wild counts."""

import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import openai
import orjson
import pytest
import requests

from tests.addons.llm.streams import sse
from tests.e2e.calls import ANTHROPIC, OPENAI, post
from tests.e2e.conftest import KEY, PROMPT, Proxy, until

USAGE = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}
TEXT = {"id": "x", "model": "gpt-4o", "choices": [{"index": 0, "delta": {"content": "hello"}}]}
CHAT = [sse(TEXT), sse({"id": "x", "model": "gpt-4o", "choices": [], "usage": USAGE}), b"data: [DONE]\n\n"]
MESSAGE = [
    sse({"type": "message_start", "message": {"model": "claude-sonnet-4-6", "usage": {"input_tokens": 1000}}}),
    sse({"type": "message_delta", "delta": {}, "usage": {"input_tokens": 0, "output_tokens": 200}}).rstrip(b"\n"),
]
RESPONSE = {"id": "r", "object": "response", "model": "gpt-4o", "output": [], "status": "in_progress"}
COMPLETED = RESPONSE | {"status": "completed", "usage": {"input_tokens": 1000, "output_tokens": 200}}
RESPONSES = [
    sse({"type": "response.created", "sequence_number": 0, "response": RESPONSE}),
    sse({"type": "response.completed", "sequence_number": 1, "response": COMPLETED}),
]
ERROR = b'{"error": {"message": "overloaded", "type": "server_error"}}'
PAGE = b"<!DOCTYPE html><html>\n\n" + b"<p>Sign in to go on.</p>\n" * 8000
WILD = {"prompt_tokens": 10, "completion_tokens": 4294967295, "total_tokens": 4294967305}
CHOICES = [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}]
WHOLE = orjson.dumps({"id": "x", "model": "gpt-4o", "choices": CHOICES, "usage": USAGE})
ANSWERS: dict[str, tuple[str, list[bytes]]] = {
    "no type": ("", CHAT),
    "text": ("text/plain; charset=utf-8", CHAT),
    "bytes": ("application/octet-stream", CHAT),
    "messages": ("", MESSAGE),
    "responses": ("text/event-stream", RESPONSES),
    "whole": ("application/json", [WHOLE[:50], WHOLE[50:]]),
    "whole as events": ("text/event-stream", [WHOLE]),
    "error": ("application/json", [ERROR]),
    "error as events": ("text/event-stream", [ERROR]),
    "page": ("text/html", [PAGE]),
    "page as events": ("text/event-stream", [PAGE]),
    "nothing": ("", []),
    "wild": ("application/json", [orjson.dumps({"model": "gpt-4o", "choices": CHOICES, "usage": WILD})]),
    "wild events": ("", [sse(TEXT), sse({"choices": [], "usage": WILD}), b"data: [DONE]\n\n"]),
}


class Upstream(ThreadingHTTPServer):
    """Answers as the header X-Odd says; where it says X-Hold, the first part alone until `go_on` is set."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.go_on = threading.Event()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Upstream

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        content_type, parts = ANSWERS[self.headers["X-Odd"]]
        self.send_response(200)
        if content_type:
            self.send_header("Content-Type", content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number, part in enumerate(parts):
            if number and self.headers["X-Hold"]:
                self.server.go_on.wait(60)
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def odd(make_proxy: Callable[..., Proxy], upstream: Upstream) -> Proxy:
    url = f"http://127.0.0.1:{upstream.server_address[1]}"
    return make_proxy(ANTHROPIC_BASE_URL=url, OPENAI_BASE_URL=url + "/v1")


def call(
    proxy: Proxy, name: str, stream: bool, path: str = OPENAI, **options: Any
) -> tuple[requests.Response, dict[str, Any]]:
    """Return the answer and the event of a call whose upstream answers in this form."""
    app = uuid.uuid4().hex
    got = post(proxy, "", app, path, headers={"X-Odd": name}, stream=stream, **options)
    [event] = until(lambda: proxy.events(app_id=app))
    return got, event


@pytest.mark.parametrize("name", ["no type", "text", "bytes"])
@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": True}}], ids=["hidden", "asked for"])
def test_a_stream_without_its_header_passes_as_it_comes_and_is_metered(
    odd: Proxy, upstream: Upstream, name: str, options: dict[str, Any]
) -> None:
    upstream.go_on.clear()
    app = uuid.uuid4().hex
    headers = {"X-Odd": name, "X-Hold": "1"}
    with post(odd, "", app, OPENAI, headers=headers, keep_open=True, stream=True, **options) as answer:
        chunks = answer.iter_content(None)
        assert next(chunks) == CHAT[0]  # while the upstream still holds the rest
        assert not odd.events(app_id=app)
        upstream.go_on.set()
        assert b"".join(chunks) == (CHAT[1] + CHAT[2] if options else CHAT[2])
    [event] = until(lambda: odd.events(app_id=app))
    assert (event["cost_usd"], event.get("usage_estimated"), event.get("error")) == (0.0045, None, None)


def test_events_without_names_are_read_and_a_last_one_without_its_blank_line(odd: Proxy) -> None:
    got, event = call(odd, "messages", True, ANTHROPIC)
    assert got.content == b"".join(MESSAGE)
    assert (event["cost_usd"], event.get("usage_estimated")) == (0.006, None)


def test_openais_sdk_and_the_meter_read_responses_without_event_lines(odd: Proxy) -> None:
    app = uuid.uuid4().hex
    headers = {"X-Odd": "responses", "X-ModelTrack-App": app}
    with openai.OpenAI(api_key=KEY, base_url=odd.url + "/v1", default_headers=headers) as client:
        kinds = [event.type for event in client.responses.create(model="gpt-4o", input=PROMPT, stream=True)]
    assert kinds == ["response.created", "response.completed"]
    [event] = until(lambda: odd.events(app_id=app))
    assert (event["cost_usd"], event.get("usage_estimated")) == (0.0045, None)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize(
    ("name", "cost", "error"),
    [
        ("whole", 0.0045, None),
        ("whole as events", 0.0045, None),
        ("no type", 0.0045, None),
        ("error", 0, "server_error"),
        ("error as events", 0, "server_error"),
        ("page", 0, "answer_is_not_json"),
        ("page as events", 0, "answer_is_not_json"),
        ("nothing", 0, "answer_is_not_json"),
    ],
)
def test_what_is_in_a_200_decides_what_it_costs(
    odd: Proxy, name: str, cost: float, error: str | None, stream: bool
) -> None:
    got, event = call(odd, name, stream)
    assert (event["cost_usd"], event.get("error"), event.get("usage_estimated")) == (cost, error, None)
    assert event["status_code"] == got.status_code == 200
    if name != "no type":
        assert got.content == b"".join(ANSWERS[name][1])
    assert odd.get("/stats")["reserved_usd"] == 0


@pytest.mark.parametrize(("name", "stream"), [("wild", False), ("wild", True), ("wild events", True)])
def test_more_tokens_than_a_model_can_answer_are_estimated_and_marked(odd: Proxy, name: str, stream: bool) -> None:
    _, event = call(odd, name, stream)
    assert event["usage_estimated"] is True
    assert 0 < event["cost_usd"] < 0.01 and event["output_tokens"] < 10


def test_an_error_in_a_200_is_not_cached(odd: Proxy) -> None:
    for _ in range(2):
        got, event = call(odd, "error", False, may_be_cached=True)
        assert (got.headers["X-ModelTrack-Cache"], event["cache_hit"]) == ("MISS", False)
