"""Test the Responses API over a WebSocket: one socket, many calls, each with its own event."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
import requests
import websockets.exceptions

from addons.ca_bundle import write_bundle
from demo.fake_provider.server import FakeProvider
from tests.e2e.conftest import KEY, PROMPT, Proxy, until
from tests.e2e.websocket.talk import (
    COST,
    answer,
    answer_async,
    last_of,
    nothing_is_left,
    raw,
    receive,
    request,
    sdk,
    until_final,
)


def test_the_sdk_gets_what_it_gets_without_the_proxy(proxy: Proxy, fake: FakeProvider) -> None:
    seen = []
    for url in (fake.url, proxy.url):
        with sdk(url, "same") as connection:
            seen.append([event.model_dump() for event in answer(connection)])
    assert seen[0] == seen[1]
    assert [event["cost_usd"] for event in proxy.events(app_id="same")] == [COST]
    nothing_is_left(proxy)


async def test_so_does_the_async_sdk(proxy: Proxy, fake: FakeProvider) -> None:
    seen = []
    for url in (fake.url, proxy.url):
        headers = {"X-ModelTrack-Team": "ws", "X-ModelTrack-App": "async"}
        async with openai.AsyncOpenAI(api_key=KEY, base_url=url + "/v1", default_headers=headers) as client:
            async with client.responses.connect() as connection:
                seen.append(await answer_async(connection))
    assert seen[0] == seen[1]
    assert [event["cost_usd"] for event in proxy.events(app_id="async")] == [COST]


def test_each_response_on_a_socket_has_its_own_event_written_before_its_end_arrives(proxy: Proxy) -> None:
    with sdk(proxy.url, "several", **{"X-ModelTrack-Feature": "chat"}) as connection:
        for number, (tokens, model) in enumerate([(100, "gpt-4o"), (7, "gpt-4o-mini"), (0, "gpt-4o")], 1):
            answer(connection, f"output_tokens={tokens}", model=model)
            assert len(proxy.events(app_id="several")) == number
    events = proxy.events(app_id="several")
    assert [event["cost_usd"] for event in events] == [0.0035, 0.0001542, 0.0025]
    assert {(e["team"], e["feature"], e["is_streaming"], e["status_code"]) for e in events} == {
        ("ws", "chat", True, 200)
    }
    assert all(0 <= event["ttft_ms"] <= event["latency_ms"] for event in events)
    nothing_is_left(proxy)


def test_the_provider_sees_neither_our_headers_nor_a_changed_message(proxy: Proxy, fake: FakeProvider) -> None:
    with raw(proxy.url, "bytes") as socket:
        text = json.dumps(json.loads(request()), indent="\t")
        socket.send(text)
        last_of(socket)
    upgrade, message = fake.requests
    assert message.body == text.encode()
    assert upgrade.header("authorization") == f"Bearer {KEY}"
    assert upgrade.header("host") == fake.url.removeprefix("http://")
    assert not [name for name, _ in upgrade.headers if name.lower().startswith("x-modeltrack")]


def test_responses_on_several_lanes_are_told_apart(proxy: Proxy, fake: FakeProvider) -> None:
    with raw(proxy.url, "lanes") as socket:
        socket.send(request(stream_id="slow", metadata={"fake": "hold=1,output_tokens=1"}))
        assert receive(socket)["stream_id"] == "slow"
        assert fake.waiting.wait(60)
        socket.send(request(stream_id="fast", model="gpt-4o-mini", metadata={"fake": "output_tokens=2"}))
        assert last_of(socket)["stream_id"] == "fast"
        assert [event["output_tokens"] for event in proxy.events(app_id="lanes")] == [2]
        fake.release()
        assert last_of(socket)["stream_id"] == "slow"
    assert [(e["model"], e["output_tokens"]) for e in proxy.events(app_id="lanes")] == [
        ("gpt-4o-mini", 2),
        ("gpt-4o", 1),
    ]
    nothing_is_left(proxy)


def test_a_response_that_nobody_created_is_billed_as_well(proxy: Proxy) -> None:
    with sdk(proxy.url, "steered") as connection:
        answer(connection)
        connection.response.steer(input=PROMPT, previous_response_id="resp_fake")
        assert [event.type for event in until_final(connection)][:2] == ["response.steer.accepted", "response.created"]
    assert [(e["cost_usd"], e["is_streaming"]) for e in proxy.events(app_id="steered")] == [(COST, True)] * 2
    nothing_is_left(proxy)


def test_what_the_provider_refuses_costs_nothing_and_the_socket_goes_on(proxy: Proxy) -> None:
    with sdk(proxy.url, "refused") as connection:
        [error] = answer(connection, "status=529")
        assert (error.status, error.error.type, error.error.message) == (529, "overloaded_error", "told to fail")
        answer(connection)
    events = proxy.events(app_id="refused")
    assert [(e["status_code"], e.get("error"), e["cost_usd"]) for e in events] == [
        (529, "overloaded_error", 0),
        (200, None, COST),
    ]
    nothing_is_left(proxy)


def test_a_prewarm_is_marked_and_reserves_no_output(proxy: Proxy, fake: FakeProvider) -> None:
    with raw(proxy.url, "prewarm") as socket:
        socket.send(request(generate=False, metadata={"fake": "hold=1,output_tokens=0"}))
        assert fake.waiting.wait(60)
        reserved = proxy.get("/stats")["reserved_usd"]
        fake.release()
        last_of(socket)
        socket.send(request())
        last_of(socket)
    first, second = proxy.events(app_id="prewarm")
    assert (first["prewarm"], first["cost_usd"], first["output_tokens"]) == (True, 0.0025, 0)
    assert "prewarm" not in second and second["cost_usd"] == COST
    assert 0 < reserved < 0.001, "the input of this prompt alone"
    nothing_is_left(proxy)


def test_messages_that_are_not_json_are_passed_on_to_the_client(proxy: Proxy) -> None:
    with raw(proxy.url, "garbage") as socket:
        socket.send(request(metadata={"fake": "garbage=1"}))
        assert socket.recv(timeout=20) == "This is not JSON"
        assert last_of(socket)["type"] == "response.completed"
    assert [event["cost_usd"] for event in proxy.events(app_id="garbage")] == [COST]


def test_usage_that_is_not_reported_is_estimated(proxy: Proxy) -> None:
    with sdk(proxy.url, "estimate") as connection:
        answer(connection, "usage=0")
    [event] = proxy.events(app_id="estimate")
    assert (event["usage_estimated"], event["output_tokens"]) == (True, 20)


def test_a_get_that_asks_for_no_socket_is_answered_as_before(proxy: Proxy) -> None:
    with pytest.raises(openai.APIStatusError) as error:
        with openai.OpenAI(api_key=KEY, base_url=proxy.url + "/v1", max_retries=0) as client:
            client.get("/responses", cast_to=object)
    assert error.value.status_code == 405


def test_an_upgrade_that_the_provider_refuses_is_refused_as_it_says(proxy: Proxy, fake: FakeProvider) -> None:
    for url in (fake.url, proxy.url):
        with pytest.raises(websockets.exceptions.InvalidStatus) as error:
            with sdk(url, "upgrade", **{"X-Fake": "status=404"}):
                pass
        assert error.value.response.status_code == 404
    assert proxy.events(app_id="upgrade") == []


def test_azures_paths_take_sockets_too(make_proxy: Callable[..., Proxy], fake: FakeProvider) -> None:
    proxy = make_proxy(AZURE_OPENAI_ENDPOINT=fake.url)
    version = "2025-03-01-preview"
    team: Any = {"X-ModelTrack-Team": "azure"}
    dated = openai.AzureOpenAI(
        api_key=KEY, azure_endpoint=proxy.url + "/azure", api_version=version, default_headers=team
    )
    current = openai.OpenAI(api_key=KEY, base_url=proxy.url + "/azure/v1", default_headers=team)
    for client in (dated, current):
        with client, client.responses.connect() as connection:
            assert answer(connection)[-1].type == "response.completed"
    paths = [request.path for request in fake.requests if request.method == "GET"]
    assert paths == [f"/openai/responses?api-version={version}", "/openai/v1/responses"]
    assert [(e["provider"], e["cost_usd"]) for e in proxy.events(team="azure")] == [("azure", COST)] * 2


async def test_sockets_go_through_https_proxy(
    proxy: Proxy, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The async SDK is used: on Python 3.13.0 the sync one shares its TLS connection between two threads without a
    lock, so that 1 in 50 handshakes hangs with any server that speaks TLS 1.3 (0 in 11,000 with TLS 1.2)."""
    write_bundle(tmp_path / "ca.pem", proxy.confdir)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, proxy.url.replace("http://", "http://tunnel:ws@"))
    async with openai.AsyncOpenAI(api_key=KEY) as client, client.responses.connect() as connection:
        assert (await answer_async(connection))[-1]["type"] == "response.completed"
        with pytest.raises(websockets.exceptions.ConnectionClosedError):
            await answer_async(connection, metadata={"fake": "hangup=2"})
    events = until(lambda: len(found := proxy.events(team="tunnel", app_id="ws")) == 2 and found)
    assert events[0]["cost_usd"] == COST
    assert [request.path for request in fake.requests if request.method == "GET"] == ["/v1/responses"]
    assert "tunnel" not in str(fake.requests[0].headers)
    nothing_is_left(proxy)


def test_no_other_protocol_follows_on_a_tracked_route(proxy: Proxy, fake: FakeProvider) -> None:
    """A version of WebSocket that mitmproxy does not read would be passed on unread."""
    url = proxy.url + "/v1/responses"
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "a", "Sec-WebSocket-Version": "7"}
    with pytest.raises(requests.ConnectionError):
        requests.get(url, headers=headers, timeout=10)
    assert [request.method for request in fake.requests] == ["GET"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_stays_flat_on_a_long_socket(proxy: Proxy, fake: FakeProvider) -> None:
    def resident() -> int:
        return int(Path(f"/proc/{proxy.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    text = request(input="x" * 300_000, metadata={"fake": "chunks=1"})
    with raw(proxy.url, "long") as socket:
        for number in range(150):
            socket.send(text)
            last_of(socket)
            fake.clear()
            if number == 10:
                before = resident()
        assert resident() - before < 10 * 2**20  # of the 40 MB that have passed
