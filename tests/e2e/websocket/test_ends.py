"""Test that what passed is billed where a WebSocket ends in the middle of a response."""

import time
from collections.abc import Callable

import pytest
import websockets.exceptions

from demo.fake_provider.server import FakeProvider
from tests.e2e.conftest import Proxy, until
from tests.e2e.websocket.talk import answer, nothing_is_left, raw, receive, request, sdk


@pytest.mark.parametrize("polite", [True, False], ids=["closed", "cut"])
def test_a_client_that_leaves_in_mid_response_is_billed_for_what_passed(proxy: Proxy, polite: bool) -> None:
    app, started = f"leaves-{polite}", time.monotonic()
    with raw(proxy.url, app) as socket:
        socket.send(request(metadata={"fake": "hold=3"}))
        for _ in range(3):
            receive(socket)
        if not polite:
            socket.socket.shutdown(2)
    [event] = until(lambda: proxy.events(app_id=app))
    assert (event["status_code"], event["error"]) == (499, "client_disconnected")
    by_time = 60 * (time.monotonic() - started)
    assert event["usage_estimated"] and 8 <= event["output_tokens"] <= max(8, by_time)  # of 32 characters
    assert event["input_tokens"] > 0 and event["cost_usd"] > 0
    nothing_is_left(proxy)


def test_a_provider_that_hangs_up_is_seen_by_the_client_and_billed_for_what_passed(
    proxy: Proxy, fake: FakeProvider
) -> None:
    for url in (fake.url, proxy.url):
        with sdk(url, "hangup") as connection:
            with pytest.raises(websockets.exceptions.ConnectionClosedError) as closed:
                answer(connection, "hangup=3")
        assert closed.value.rcvd is None
    [event] = until(lambda: proxy.events(app_id="hangup"))
    assert (event["status_code"], event["error"]) == (502, "upstream_disconnected")
    assert (event["usage_estimated"], event["output_tokens"]) == (True, 8)
    nothing_is_left(proxy)


def test_responses_in_flight_are_billed_when_the_proxy_stops(make_proxy: Callable[..., Proxy]) -> None:
    proxy = make_proxy()
    with raw(proxy.url, "stop") as socket:
        socket.send(request(metadata={"fake": "hold=3"}))
        for _ in range(3):
            receive(socket)
        proxy.stop()
    [event] = proxy.events(app_id="stop")
    assert (event["error"], event["usage_estimated"], event["input_tokens"] > 0) == ("proxy_stopped", True, True)
