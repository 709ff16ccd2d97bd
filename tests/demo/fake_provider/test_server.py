"""Test the fake provider, which many tests use: real SDKs understand it, and it fails as it is told to."""

import gzip
import hashlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
import requests

from demo.fake_provider.answers import Reply
from demo.fake_provider.server import FakeProvider

ANTHROPIC, OPENAI = "/v1/messages", "/any/prefix/v1/chat/completions?api-version=1"
MESSAGES: Any = [{"role": "user", "content": "hi"}]


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


def post(fake: FakeProvider, path: str = ANTHROPIC, settings: str = "", **body: Any) -> requests.Response:
    return requests.post(fake.url + path, json={"model": "m"} | body, headers={"X-Fake": settings}, timeout=10)


def test_anthropics_sdk_understands_it_whole_and_streamed(fake: FakeProvider) -> None:
    fake.defaults = Reply(cache_read=3, cache_write=5, cache_write_1h=2, text="as it was told")
    with anthropic.Anthropic(api_key="k", base_url=fake.url, max_retries=0) as client:
        message = client.messages.create(model="m", max_tokens=1, messages=MESSAGES)
        with client.messages.stream(model="m", max_tokens=1, messages=MESSAGES) as stream:
            streamed = stream.get_final_message()
    for answer in (message, streamed):
        assert answer.content[0].text == "as it was told"
        usage = answer.usage
        assert (usage.input_tokens, usage.output_tokens, usage.cache_read_input_tokens) == (1000, 200, 3)
        assert (usage.cache_creation_input_tokens, usage.cache_creation.ephemeral_1h_input_tokens) == (5, 2)


@pytest.mark.parametrize("asks", [False, True])
def test_openais_sdk_understands_it_and_gets_usage_in_a_stream_only_if_it_asks(fake: FakeProvider, asks: bool) -> None:
    options = {"stream_options": {"include_usage": True}} if asks else {}
    with openai.OpenAI(api_key="k", base_url=fake.url + "/v1", max_retries=0) as client:
        completion = client.chat.completions.create(model="m", messages=MESSAGES)
        chunks = list(client.chat.completions.create(model="m", messages=MESSAGES, stream=True, **options))
    assert completion.usage.total_tokens == 1200
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == completion.choices[0].message.content
    assert [chunk.usage.total_tokens for chunk in chunks if chunk.usage] == ([1200] if asks else [])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", [ANTHROPIC, OPENAI])
def test_identical_requests_get_identical_answers_compressed_or_not(
    fake: FakeProvider, path: str, stream: bool
) -> None:
    plain, packed = post(fake, path, stream=stream), post(fake, path, "gzip=1", stream=stream)
    assert plain.content == packed.content
    assert packed.headers["Content-Encoding"] == "gzip"


@pytest.mark.parametrize("settings", ["tokens=1", "output_tokens=many"])
def test_a_setting_that_makes_no_sense_is_named(fake: FakeProvider, settings: str) -> None:
    answer = post(fake, settings=settings)
    assert answer.status_code == 400
    assert settings.partition("=")[0] in answer.text or "many" in answer.text


def test_it_fails_as_it_is_told_to(fake: FakeProvider) -> None:
    assert post(fake, settings="status=529").json()["error"]["type"] == "overloaded_error"
    assert post(fake, OPENAI, "status=429").json()["error"]["code"] is None
    assert not post(fake, settings="garbage=1").text.startswith("{")
    assert "usage" not in post(fake, settings="usage=0").json()
    assert post(fake, "/v1/nowhere").status_code == 404
    for settings, stream in (("hangup=0", False), ("hangup=0", True), ("hangup=1", False), ("hangup=2", True)):
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            post(fake, settings=settings, stream=stream)


def test_a_held_stream_ends_when_it_is_released(fake: FakeProvider) -> None:
    body = {"model": "m", "stream": True}
    headers = {"X-Fake": "hold=1"}
    with requests.post(fake.url + ANTHROPIC, json=body, headers=headers, stream=True, timeout=10) as answer:
        chunks = answer.iter_content(None)
        assert b"message_start" in next(chunks)
        assert fake.waiting.wait(60)
        fake.release()
        assert b"message_stop" in b"".join(chunks)


@pytest.mark.parametrize("chunked", [False, True])
def test_it_records_what_it_is_sent(fake: FakeProvider, chunked: bool) -> None:
    body = b'{"model":\t"m"}'
    requests.post(fake.url + ANTHROPIC, data=iter([body[:4], body[4:]]) if chunked else body, timeout=10)
    [request] = fake.requests
    assert (request.method, request.path, request.body) == ("POST", ANTHROPIC, body)
    assert request.header("HOST") == fake.url.removeprefix("http://")
    [recorded] = requests.get(fake.url + "/_fake/requests", timeout=10).json()
    assert recorded["body_sha256"] == request.sha256 == hashlib.sha256(body).hexdigest()
    requests.post(fake.url + "/_fake/reset", timeout=10)
    assert fake.requests == []


def test_its_settings_can_be_changed_over_http(fake: FakeProvider) -> None:
    assert requests.post(fake.url + "/_fake/defaults", json={"output_tokens": 7}, timeout=10).ok
    assert post(fake).json()["usage"]["output_tokens"] == 7
    assert requests.post(fake.url + "/_fake/defaults", json={"colour": 7}, timeout=10).status_code == 400


def test_requests_in_a_pipeline_are_answered_in_their_order(fake: FakeProvider) -> None:
    request = b"POST /v1/messages HTTP/1.1\r\nX-Fake: text=%d%b\r\nContent-Length: 13\r\n\r\n" + b'{"model":"m"}'
    pipeline = b"".join(request % (n, b",delay=0.01" if n == 1 else b"") for n in range(3))
    with socket.create_connection(("127.0.0.1", int(fake.url.rpartition(":")[2])), timeout=10) as client:
        client.sendall(pipeline + b"GET /_fake/requests HTTP/1.1\r\nConnection: close\r\n\r\n")
        answers = b"".join(iter(lambda: client.recv(65536), b""))
    texts = [json.loads(body)["content"][0]["text"] for body in answers.split(b"\r\n") if b'"text"' in body[:200]
             for body in [body[: body.rindex(b"}") + 1]]]  # fmt: skip
    assert texts == ["0", "1", "2"]


@pytest.mark.parametrize("request_", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000])
def test_what_is_no_request_ends_the_connection(fake: FakeProvider, request_: bytes) -> None:
    with socket.create_connection(("127.0.0.1", int(fake.url.rpartition(":")[2])), timeout=10) as client:
        client.sendall(request_)
        assert client.recv(65536).startswith(b"HTTP/1.1 400 ")


def test_it_runs_on_its_own_and_ends_when_told_to() -> None:
    command = [sys.executable, "-m", "demo.fake_provider", "--output-tokens", "9", "--gzip", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        url = process.stdout.readline().decode().strip()
        raw = requests.post(url + ANTHROPIC, json={"model": "m"}, stream=True, timeout=10).raw.read()
        assert json.loads(gzip.decompress(raw))["usage"]["output_tokens"] == 9
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
