"""Test event streams of Bedrock that do not end as they should: the client gets what came, and it is billed."""

import json
import socket
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import anthropic
import pytest
import requests
from botocore.exceptions import EventStreamError

from demo.fake_provider.server import FakeProvider
from tests.e2e.conftest import KEY, Proxy, until
from tests.e2e.providers.bedrock.clients import CLAUDE, CONVERSATION, LLAMA, MESSAGES, SIGNED, US, boto, headers_of

INVOKE_STREAM, CONVERSE_STREAM = "invoke-with-response-stream", "converse-stream"
BODIES = {INVOKE_STREAM: CLAUDE, CONVERSE_STREAM: {"messages": CONVERSATION}}


def open_stream(url: str, kind: str, app: str, fake: str, model: str = US) -> requests.Response:
    return requests.post(
        f"{url}/model/{model}/{kind}",
        json=BODIES[kind],
        headers=headers_of(app, Authorization=f"Bearer {KEY}", **{"X-Fake": fake}),
        stream=True,
        timeout=20,
    )


@pytest.mark.parametrize("corrupt", [1, 4])
@pytest.mark.parametrize("kind", [INVOKE_STREAM, CONVERSE_STREAM])
def test_a_damaged_stream_passes_as_it_is_and_its_usage_is_estimated(
    proxy: Proxy, fake: FakeProvider, kind: str, corrupt: int
) -> None:
    app = f"corrupt-{kind}-{corrupt}"
    through = open_stream(proxy.url + "/bedrock", kind, app, f"corrupt={corrupt},gap=0.01").content
    assert through == open_stream(fake.url, kind, app, f"corrupt={corrupt}").content
    [event] = until(lambda: proxy.events(app_id=app))
    assert (event["status_code"], event["usage_estimated"]) == (200, True)
    assert (
        event["input_tokens"] > 0 and event["output_tokens"] == {1: 0, 4: 8 if kind == CONVERSE_STREAM else 4}[corrupt]
    )
    assert "not an AWS event stream: ChecksumMismatch" in proxy.log and "ERROR" not in proxy.log


def failing_boto_converse(url: str) -> Any:
    client = boto(url, "failing_boto_converse", "fail=4")
    with closing(client), closing(client.converse_stream(modelId=US, messages=CONVERSATION)["stream"]) as stream:
        with pytest.raises(EventStreamError) as error:
            list(stream)
    return str(error.value)


def failing_boto_invoke(url: str) -> Any:
    client = boto(url, "failing_boto_invoke", "fail=4")
    answer = client.invoke_model_with_response_stream(modelId=US, body=json.dumps(CLAUDE))
    with closing(client), closing(answer["body"]) as stream:
        with pytest.raises(EventStreamError) as error:
            list(stream)
    return str(error.value)


def failing_sdk(url: str) -> Any:
    headers = headers_of("failing_sdk") | {"X-Fake": "fail=4"}
    with anthropic.AnthropicBedrock(base_url=url, default_headers=headers, **SIGNED) as client:
        with pytest.raises(Exception, match=r".") as error:
            list(client.messages.create(model=US, max_tokens=300, messages=MESSAGES, stream=True))
    return type(error.value), str(error.value)


@pytest.mark.parametrize(
    "call", [failing_boto_converse, failing_boto_invoke, failing_sdk], ids=lambda call: call.__name__
)
def test_an_exception_in_a_stream_reaches_the_client_and_what_came_is_billed(
    call: Callable[[str], Any], proxy: Proxy, fake: FakeProvider
) -> None:
    assert call(proxy.url + "/bedrock") == call(fake.url)
    [event] = until(lambda: proxy.events(app_id=call.__name__))
    assert (event["error"], event["status_code"], event["usage_estimated"]) == ("throttlingException", 200, True)
    assert 0 < event["output_tokens"] < 20 and event["cost_usd"] > 0


@pytest.mark.parametrize(("kind", "model"), [(INVOKE_STREAM, US), (CONVERSE_STREAM, US), (INVOKE_STREAM, LLAMA)])
def test_a_stream_that_the_provider_cuts_short_is_billed_for_what_came(proxy: Proxy, kind: str, model: str) -> None:
    app = f"cut-{kind}-{model[:2]}"
    with pytest.raises(requests.RequestException):
        _ = open_stream(proxy.url + "/bedrock", kind, app, "hangup=4", model).content
    [event] = until(lambda: proxy.events(app_id=app))
    assert (event["error"], event["usage_estimated"]) == ("upstream_disconnected", True)
    assert 0 < event["output_tokens"] < 20 and event["cost_usd"] > 0


@pytest.mark.parametrize("kind", [INVOKE_STREAM, CONVERSE_STREAM])
def test_a_stream_that_the_client_leaves_is_billed_for_what_came(proxy: Proxy, kind: str) -> None:
    started = time.monotonic()
    answer = open_stream(proxy.url + "/bedrock", kind, f"left-{kind}", "hold=4")
    for _ in range(4):  # messages, each with its length in front
        head = answer.raw.read(4)
        answer.raw.read(int.from_bytes(head) - len(head))
    answer.raw._fp.fp.raw._sock.shutdown(socket.SHUT_RDWR)
    answer.close()
    [event] = until(lambda: proxy.events(app_id=f"left-{kind}"))
    assert (event["status_code"], event["error"]) == (499, "client_disconnected")
    assert event["usage_estimated"] and 0 < event["output_tokens"] < 20 + 60 * (time.monotonic() - started)
