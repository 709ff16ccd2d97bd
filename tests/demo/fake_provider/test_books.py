"""Test the fake provider's books: they have each call that it accepted, at a price that was worked out by hand."""

import gzip
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from demo.fake_provider.answers import Reply
from demo.fake_provider.books import Books
from demo.fake_provider.prices import Used, charge
from demo.fake_provider.server import FakeProvider

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
BEDROCK = "/model/us.anthropic.claude-sonnet-4-6"


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


def post(fake: FakeProvider, path: str, model: str = "", settings: str = "", **body: Any) -> requests.Response:
    headers = {"X-Fake": settings, "Authorization": "Bearer right"}
    return requests.post(fake.url + path, json={"model": model} | body, headers=headers, timeout=10)


def books(fake: FakeProvider) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = requests.get(fake.url + "/__books", timeout=10).json()["entries"]
    return entries


@pytest.mark.parametrize(
    ("path", "model", "settings", "nanos"),
    [
        (MESSAGES, "claude-sonnet-4-6", "", 6_000_000),  # 1000 at 3, 200 at 15
        # 40 at 3.30, 1000 for 5 minutes at 4.125, 3000 for an hour at 6.60, 10 at 16.50
        (
            BEDROCK + "/converse",
            "",
            "input_tokens=40,output_tokens=10,cache_write=4000,cache_write_1h=3000",
            24_222_000,
        ),
        # 100 at 2.50, 1000 at 32, 100 at 10, 500 at 64
        (
            CHAT,
            "gpt-audio",
            "input_tokens=1100,audio_input=1000,output_tokens=600,audio_output=500",
            65_250_000,
        ),
        (RESPONSES, "gpt-5", "drawn_from=50,drawn=4160", 169_900_000),  # 1000 at 1.25, 200 at 10, 50 at 5, 4160 at 40
        (MESSAGES, "claude-sonnet-4-6", "geo=us", 6_600_000),  # a tenth more
        (MESSAGES, "claude-haiku-4-5", "geo=us", 2_000_000),
        (MESSAGES, "claude-opus-4-6", "geo=us,web_searches=3", 41_000_000),  # 11,000 and three searches at 0.01
        (MESSAGES, "claude-sonnet-4-5", "input_tokens=200000", 603_000_000),
        (MESSAGES, "claude-sonnet-4-5", "input_tokens=200001", 1_204_506_000),
        (CHAT, "gpt-5", "service_tier=flex,input_tokens=1,cache_read=1,output_tokens=0", 688),  # 687.5
        (CHAT, "gpt-4o", "model=gpt-4o-mini-2024-07-18", 270_000),  # what ran, not what was asked for
        ("/openai/v1/chat/completions", "prod-chat", "model=gpt-4o-2024-08-06", 4_500_000),
        ("/v1/embeddings", "text-embedding-3-small", "", 20_000),
        (CHAT, "nobodys", "", None),
    ],
)
def test_a_call_is_charged_what_was_worked_out_by_hand(
    fake: FakeProvider, path: str, model: str, settings: str, nanos: int | None
) -> None:
    assert post(fake, path, model, settings + ",marker=m").ok
    [entry] = books(fake)
    assert (entry["marker"], entry["nanos"], entry["finished"]) == ("m", nanos, True)


def test_a_stream_is_charged_as_the_whole_answer_is(fake: FakeProvider) -> None:
    for stream in (False, True):
        post(fake, CHAT, "gpt-4o", "cache_read=300", stream=stream)
    whole, streamed = books(fake)
    assert whole["nanos"] == streamed["nanos"] == 4_875_000
    assert (whole["streamed"], streamed["streamed"]) == (False, True)


@pytest.mark.parametrize(
    "settings", ["status=500", "status=401", "garbage=1", "odd=login_page", "odd=error_in_200", "hangup=0", "refuses=n"]
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_was_not_accepted_is_not_charged(fake: FakeProvider, settings: str, stream: bool) -> None:
    try:
        post(fake, CHAT, "gpt-4o", settings, stream=stream, n=1)
    except requests.ConnectionError:
        assert settings == "hangup=0"
    assert books(fake) == []


def test_a_wrong_credential_is_refused_and_not_charged(fake: FakeProvider) -> None:
    answer = requests.post(fake.url + CHAT, json={"model": "gpt-4o"}, headers={"api-key": "wrong"}, timeout=10)
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "authentication_error")
    assert books(fake) == []


def test_a_whole_answer_is_charged_whole_though_its_client_has_gone(fake: FakeProvider) -> None:
    body = b'{"model":"gpt-4o"}'
    with socket.create_connection(("127.0.0.1", int(fake.url.rpartition(":")[2])), timeout=10) as client:
        head = b"POST %b HTTP/1.1\r\nX-Fake: hold=1\r\nContent-Length: %d\r\n\r\n"
        client.sendall(head % (CHAT.encode(), len(body)) + body)
        assert fake.waiting.wait(10)
    [entry] = books(fake)
    assert (entry["nanos"], entry["finished"]) == (4_500_000, False)


def test_a_stream_is_charged_what_was_generated_until_its_client_hung_up() -> None:
    now = 100.0
    book = Books(lambda: now)
    entry = book.enter(CHAT, "o3", Reply(pace=50, output_tokens=1000, reasoning=400), streamed=True)
    now = 102.0
    book.end(entry, finished=False)
    now = 900.0
    [written] = book.report()["entries"]
    assert written["output_tokens"] == 100  # all of it hidden reasoning
    assert written["nanos"] == 1000 * 2000 + 100 * 8000


def test_the_sum_keeps_what_the_list_has_dropped(fake: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demo.fake_provider.books._KEPT_ENTRIES", 2)
    for model in ("gpt-4o", "gpt-4o", "nobodys", "gpt-4o"):
        post(fake, CHAT, model)
    report = requests.get(fake.url + "/__books", timeout=10).json()
    assert (report["sum_nanos"], report["unpriced"], len(report["entries"])) == (13_500_000, 1, 2)
    requests.delete(fake.url + "/__books", timeout=10)
    assert books(fake) == []


def test_a_compressed_request_is_understood(fake: FakeProvider) -> None:
    packed = gzip.compress(b'{"model":"gpt-4o"}')
    assert requests.post(fake.url + CHAT, data=packed, headers={"Content-Encoding": "gzip"}, timeout=10).ok
    assert (
        requests.post(fake.url + CHAT, data=packed[:9], headers={"Content-Encoding": "gzip"}, timeout=10).status_code
        == 400
    )
    assert len(books(fake)) == 1


def test_audio_is_charged_as_it_comes() -> None:
    book = Books(lambda: 0.0)
    reply = Reply(pace=1, output_tokens=100, audio_output=50, input_tokens=0)
    entry = book.enter(CHAT, "gpt-audio", reply, streamed=True)
    assert entry.nanos(10.0) == charge("gpt-audio", Used(text_output=5, audio_output=5))
