"""Streams pass as they come: the order of events shows it, not a clock."""

import socket
import time
from typing import Any

import pytest
import requests

from demo.fake_provider.server import FakeProvider
from tests.e2e.calls import ANTHROPIC, OPENAI, post
from tests.e2e.conftest import Proxy, until

PATHS = [ANTHROPIC, OPENAI]


def open_stream(proxy: Proxy | FakeProvider, path: str, fake: str = "", **body: Any) -> requests.Response:
    return post(proxy, "streams", "", path, fake=fake, keep_open=True, max_tokens=9, stream=True, **body)


@pytest.mark.parametrize("path", PATHS)
def test_the_client_reads_the_beginning_while_the_provider_still_holds_the_end(
    proxy: Proxy, fake: FakeProvider, path: str
) -> None:
    with open_stream(proxy, path, "hold=1") as answer:
        chunks = answer.iter_content(None)
        first = next(chunks)
        assert fake.waiting.wait(60)
        assert b"data: " in first and b"message_stop" not in first and b"[DONE]" not in first
        fake.release()
        rest = b"".join(chunks)
    assert b"message_stop" in rest or b"[DONE]" in rest


@pytest.mark.parametrize("path", PATHS)
def test_the_event_is_written_before_the_client_sees_the_streams_end(proxy: Proxy, path: str) -> None:
    before = len(proxy.events())
    with open_stream(proxy, path, "gap=0.01") as answer:
        for line in answer.iter_lines():
            if line in (b"data: [DONE]", b"event: message_stop"):
                assert len(proxy.events()) == before + 1


@pytest.mark.parametrize("settings", ["", "gzip=1", "chunks=40"])
def test_anthropics_stream_arrives_byte_for_byte(proxy: Proxy, fake: FakeProvider, settings: str) -> None:
    through = open_stream(proxy, PATHS[0], settings)
    direct = open_stream(fake, PATHS[0], settings)
    assert through.content == direct.content
    assert through.headers.get("Content-Encoding") == direct.headers.get("Content-Encoding")


@pytest.mark.parametrize("settings", ["", "gzip=1", "chunks=40"])
def test_openais_stream_with_usage_arrives_byte_for_byte(proxy: Proxy, fake: FakeProvider, settings: str) -> None:
    wanted = {"stream_options": {"include_usage": True}}
    through = open_stream(proxy, PATHS[1], settings, **wanted)
    direct = open_stream(fake, PATHS[1], settings, **wanted)
    assert through.content == direct.content
    assert through.headers.get("Content-Encoding") == direct.headers.get("Content-Encoding")


@pytest.mark.parametrize("settings", ["", "gzip=1"])
@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": False}}])
def test_the_usage_that_only_the_proxy_asked_for_is_taken_out(
    proxy: Proxy, fake: FakeProvider, settings: str, options: dict[str, Any]
) -> None:
    before = len(proxy.events())
    through = open_stream(proxy, PATHS[1], settings, **options).content
    assert fake.requests[0].header("accept-encoding") == "identity"
    direct = open_stream(fake, PATHS[1], settings, **options).content
    assert through.replace(b',"usage":null', b"") == direct
    event = proxy.events()[before]
    assert (event["output_tokens"], event["cost_usd"]) == (200, 0.0045)


def test_a_client_that_hangs_up_in_mid_stream_is_billed_for_what_passed(proxy: Proxy) -> None:
    before, started = len(proxy.events()), time.monotonic()
    answer = open_stream(proxy, PATHS[0], "hold=6")
    lines = answer.iter_lines()
    for _ in range(6):  # events, each with an empty line at its end
        while next(lines):
            pass
    answer.raw._fp.fp.raw._sock.shutdown(socket.SHUT_RDWR)
    answer.close()
    [event] = until(lambda: proxy.events()[before:])
    assert (event["status_code"], event["error"]) == (499, "client_disconnected")
    assert (event["input_tokens"], event["usage_estimated"]) == (1000, True)
    assert 0 < event["output_tokens"] < 20 + 60 * (time.monotonic() - started)
    until(lambda: proxy.get("/stats")["reserved_usd"] == 0)


def test_a_client_that_hangs_up_before_the_answer_is_billed_what_the_provider_reports(
    proxy: Proxy, fake: FakeProvider
) -> None:
    before = len(proxy.events())
    with socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2]))) as client:
        body = b'{"model":"claude-sonnet-4-6","messages":[{"role":"user","content":"%b"}]}' % (b"word " * 400)
        client.sendall(
            b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nX-Fake: hold=1\r\nX-ModelTrack-No-Cache: 1\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        assert fake.waiting.wait(60)
    until(lambda: proxy.get("/stats")["abandoned"]["now"] == 1)
    fake.release()
    [event] = until(lambda: proxy.events()[before:])
    assert (event["status_code"], event["error"], event.get("usage_estimated")) == (499, "client_disconnected", None)
    assert (event["input_tokens"], event["output_tokens"]) == (1000, 200)
