"""What a stream costs when its client leaves it: the usage where it is over, else text and time."""

import gzip
import json
import sys
import time
from collections.abc import Callable

import pytest

from tests.e2e.absent.by_hand import (
    BASE_URL_AND_TUNNEL,
    DONE,
    LEAVING,
    USAGE,
    Client,
    NewClient,
    Provider,
    figures,
    is_noticed,
    named,
    only_event,
    words,
)
from tests.e2e.calls import ANTHROPIC, OPENAI
from tests.e2e.conftest import PROMPT, Proxy, until


def test_a_client_that_half_closes_gets_its_stream_and_then_the_end(
    new_client: NewClient, proxy: Proxy, provider: Provider
) -> None:
    client = new_client(proxy).ask("half stream", stream=True)
    client.half_close()
    asked = provider.next()
    asked.begin(words("one"))
    assert b"one" in client.read_until(b"one")
    for text in ("two", "three"):
        asked.go_on(words(text))
        assert client.read_until(text.encode())
    asked.end(words("", "stop"), USAGE, DONE)
    assert client.read_all().endswith(b"[DONE]\n\n\r\n0\r\n\r\n")
    event = only_event(proxy, "half stream")
    assert not event.get("usage_estimated")
    if sys.platform == "linux":  # which knows that all of it has been taken
        assert (event["status_code"], event.get("error")) == (200, None)


@BASE_URL_AND_TUNNEL
@pytest.mark.parametrize("leave", LEAVING)
def test_a_stream_that_is_left_at_its_finish_reason_is_billed_by_its_usage(
    new_client: NewClient, proxy: Proxy, provider: Provider, leave: Callable[[Client], None], tunnel: bool
) -> None:
    app = f"finished {leave.__name__} {tunnel}"
    client = new_client(proxy, tunnel=tunnel).ask(app, stream=True)
    asked = provider.next()
    asked.begin(words("Hi"), words("", "stop"))
    client.read_until(b'"stop"')
    leave(client)
    assert is_noticed(proxy)
    asked.go_on(b": still here\n\n")
    asked.go_on(b": and here\n\n")
    asked.end(USAGE, DONE)
    assert figures(only_event(proxy, app)) == (499, "client_disconnected", 0.9775, None)


@BASE_URL_AND_TUNNEL
@pytest.mark.parametrize("leave", LEAVING)
@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
def test_a_stream_in_full_flow_is_hung_up_and_estimated_by_text_and_time(
    new_client: NewClient, proxy: Proxy, provider: Provider, leave: Callable[[Client], None], tunnel: bool, path: str
) -> None:
    app, started = f"flow {leave.__name__} {tunnel} {path}", time.monotonic()
    client = new_client(proxy, path, tunnel).ask(app, stream=True)
    asked = provider.next()
    text = "word " * 800
    usage = {"input_tokens": 1000, "output_tokens": 1}
    delta = {"type": "text_delta", "text": text}
    asked.begin(
        *(
            [words(text)]
            if path == OPENAI
            else [
                named("message_start", message={"model": "claude-sonnet-4-6", "usage": usage}),
                named("content_block_delta", delta=delta),
            ]
        )
    )
    client.read_until(b"word word")
    leave(client)
    assert asked.is_hung_up()
    event = only_event(proxy, app)
    assert (event["status_code"], event["error"], event["usage_estimated"]) == (499, "client_disconnected", True)
    assert 1000 <= event["output_tokens"] <= 1000 + 60 * (time.monotonic() - started)


@pytest.mark.parametrize("leave", LEAVING)
def test_a_stream_whose_client_left_before_it_began_is_hung_up(
    new_client: NewClient, proxy: Proxy, provider: Provider, leave: Callable[[Client], None]
) -> None:
    client = new_client(proxy).ask(f"early {leave.__name__}", stream=True)
    asked = provider.next()
    leave(client)
    assert is_noticed(proxy)
    asked.begin(words("one"))
    assert asked.is_hung_up()
    event = only_event(proxy, f"early {leave.__name__}")
    assert (event["error"], event["usage_estimated"]) == ("client_disconnected", True) and event["cost_usd"] > 0


def test_hidden_reasoning_is_not_free(new_client: NewClient, proxy: Proxy, provider: Provider) -> None:
    """Nothing has passed, but the model has worked for a while."""
    client = new_client(proxy).ask("hidden", stream=True)
    asked = provider.next()
    began = time.monotonic()
    asked.begin(words(""))
    client.read_until(b"delta")
    until(lambda: time.monotonic() - began > 1)
    client.close()
    assert asked.is_hung_up()
    assert only_event(proxy, "hidden")["output_tokens"] >= 60


def test_a_compressed_request_reports_its_stream_too(new_client: NewClient, proxy: Proxy, provider: Provider) -> None:
    asks = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": PROMPT}]}
    client = new_client(proxy).send("zip", gzip.compress(json.dumps(asks).encode()), "Content-Encoding: gzip")
    asked = provider.next()
    assert json.loads(asked.body) == asks | {"stream_options": {"include_usage": True}}
    assert b"content-encoding" not in asked.head.lower()
    asked.begin(words("Hi"))
    asked.end(words("", "stop"), USAGE, DONE)
    assert b"97500" not in client.read_until(b"[DONE]")
    event = only_event(proxy, "zip")
    assert (event["output_tokens"], event.get("usage_estimated")) == (97_500, None)
