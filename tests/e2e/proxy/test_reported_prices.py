"""Answers that say more about their price than their totals do: each costs, through a whole proxy, what it should.

The shapes are from public reports, the figures made up.
"""

import base64
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple

import pytest

from demo.fake_provider.bedrock import frame
from tests.e2e.calls import ANTHROPIC, OPENAI, post
from tests.e2e.conftest import Proxy, until


class Answer(NamedTuple):
    content: bytes
    kind: str = "application/json"
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed


class Server(ThreadingHTTPServer):
    answer: Answer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """Answer every request with what the test has put into the server's `answer`."""

    server: Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.server.answer
        self.send_response(200)
        for name, value in {"Content-Type": answer.kind, **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def provider() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def proxy(make_proxy: Callable[..., Proxy], provider: Server) -> Proxy:
    names = ("ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "BEDROCK_ENDPOINT_URL")
    return make_proxy(**dict.fromkeys(names, provider.url))


def whole(content: dict[str, Any], **headers: str) -> Answer:
    return Answer(json.dumps(content).encode(), headers=headers)


def sse(*events: dict[str, Any]) -> Answer:
    lines = (f"event: {event.get('type', 'message')}\ndata: {json.dumps(event)}\n\n" for event in events)
    return Answer("".join(lines).encode(), "text/event-stream")


def frames(*events: tuple[str, dict[str, Any]]) -> Answer:
    content = (frame(json.dumps(event).encode(), message_type="event", event_type=kind) for kind, event in events)
    return Answer(b"".join(content), "application/vnd.amazon.eventstream")


def chunk(event: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "chunk", {"bytes": base64.b64encode(json.dumps(event).encode()).decode()}


CONVERSED = {
    **{"inputTokens": 40, "outputTokens": 10, "totalTokens": 4050},
    **{"cacheReadInputTokens": 0, "cacheWriteInputTokens": 4000},
    "cacheDetails": [{"ttl": "1h", "inputTokens": 3000}, {"ttl": "5m", "inputTokens": 1000}],
}
SPOKEN = {
    **{"prompt_tokens": 1100, "completion_tokens": 600, "total_tokens": 1700},
    "prompt_tokens_details": {"cached_tokens": 0, "text_tokens": 100, "audio_tokens": 1000, "image_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "text_tokens": 100, "audio_tokens": 500},
}
IMAGE = {
    **{"input_tokens": 50, "output_tokens": 4160, "total_tokens": 4210},
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 50},
    "output_tokens_details": {"image_tokens": 4160, "text_tokens": 0},
}
DRAWN = {
    "model": "gpt-5",
    "output": [],
    "usage": {"input_tokens": 1000, "output_tokens": 200, "total_tokens": 1200},
    "tools": [{"type": "image_generation", "model": "gpt-image-1"}],
    "tool_usage": {"image_gen": IMAGE, "web_search": {"num_requests": 0}},
}
CITED = [{"type": "url_citation", "url_citation": {"url": "https://example.com"}}]
TWO = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}
METRICS = {
    **{"inputTokenCount": 100, "outputTokenCount": 20, "invocationLatency": 900, "firstByteLatency": 90},
    **{"cacheReadInputTokenCount": 9000, "cacheWriteInputTokenCount": 1000},
}
IN_HEADERS = {
    f"x-amzn-bedrock-{name}-token-count": str(number)
    for name, number in {"input": 100, "output": 20, "cache-read-input": 9000, "cache-write-input": 1000}.items()
}
US, GLOBAL = (f"/bedrock/model/{place}.anthropic.claude-sonnet-4-6" for place in ("us", "global"))
STARTED = {"type": "message_start", "message": {"usage": {"input_tokens": 100, "output_tokens": 1}}}
ENDED = {"type": "message_delta", "usage": {"output_tokens": 20}}

CASES: dict[str, tuple[str, str, Answer, float]] = {
    "one-hour writes": (f"{US}/converse", "", whole({"usage": CONVERSED}), 0.024222),
    "one-hour writes, streamed": (f"{US}/converse-stream", "", frames(("metadata", {"usage": CONVERSED})), 0.024222),
    "audio": (OPENAI, "gpt-audio", whole({"model": "gpt-audio", "usage": SPOKEN}), 0.06525),
    "audio, streamed": (OPENAI, "gpt-audio", sse({"model": "gpt-audio", "choices": [], "usage": SPOKEN}), 0.06525),
    "an image": ("/v1/responses", "gpt-5", whole(DRAWN), 0.1699),
    "an image, streamed": (
        *("/v1/responses", "gpt-5"),
        sse({"type": "response.completed", "response": DRAWN}),
        0.1699,
    ),
    "a search": (  # 1000 at 1.25, 200 at 10 USD per million, one search at 10 per thousand
        *(OPENAI, "gpt-5-search-api"),
        whole({"model": "gpt-5-search-api", "usage": TWO, "choices": [{"message": {"annotations": CITED}}]}),
        0.01325,
    ),
    "cache tokens in a stream's metrics": (
        *(f"{GLOBAL}/invoke-with-response-stream", ""),
        frames(
            chunk(STARTED), chunk(ENDED), chunk({"type": "message_stop", "amazon-bedrock-invocationMetrics": METRICS})
        ),
        0.00705,
    ),
    "cache tokens in the headers": (
        *(f"{GLOBAL}/invoke", ""),
        whole({"usage": {"input_tokens": 100, "output_tokens": 20}}, **IN_HEADERS),
        0.00705,
    ),
    "residency": (
        *(ANTHROPIC, "claude-sonnet-4-6"),
        whole({"model": "m", "usage": {"input_tokens": 1000, "output_tokens": 200, "inference_geo": "us"}}),
        0.0066,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_an_answer_says_about_its_price_is_in_its_cost(proxy: Proxy, provider: Server, name: str) -> None:
    path, model, provider.answer, usd = CASES[name]
    is_stream = provider.answer.kind != "application/json"
    body = {"stream": is_stream} | ({"model": model} if model else {})
    assert post(proxy, "told", name, path, input="x", **body).status_code == 200
    [event] = until(lambda: proxy.events(app_id=name))
    assert event["cost_usd"] == usd
    assert "usage_estimated" not in event and "unpriced_usage" not in event and "error" not in event


def test_the_event_says_what_kinds_of_tokens_there_were(proxy: Proxy, provider: Server) -> None:
    provider.answer = CASES["audio"][2]
    post(proxy, "kinds", path=OPENAI, model="gpt-audio")
    [event] = until(lambda: proxy.events(team="kinds"))
    assert (event["input_tokens"], event["output_tokens"]) == (1100, 600)
    assert (event["audio_input_tokens"], event["audio_output_tokens"]) == (1000, 500)
    assert not event.keys() & {"image_input_tokens", "image_output_tokens", "reasoning_tokens", "cache_write_1h_tokens"}


def test_what_has_no_known_price_is_named_and_counted_once(proxy: Proxy, provider: Server) -> None:
    provider.answer = whole({"model": "gpt-4o", "usage": TWO | {"holo_tokens": 3}})
    before = proxy.get("/stats")["unpriced_usage_requests"]
    for _ in range(2):
        post(proxy, "new", path=OPENAI, may_be_cached=True)
    call, hit = until(lambda: len(found := proxy.events(team="new")) == 2 and found)
    assert (call["unpriced_usage"], call["cost_usd"]) == (["holo_tokens"], 0.0045)
    assert hit["cache_hit"] and "unpriced_usage" not in hit
    assert proxy.get("/stats")["unpriced_usage_requests"] == before + 1
