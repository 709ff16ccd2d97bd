"""Reading on has an end: by time, and when the proxy stops."""

from collections.abc import Callable

import pytest

from tests.e2e.absent.by_hand import LEAVING, Client, NewClient, Provider, behind, figures, is_noticed, only_event
from tests.e2e.conftest import Proxy, until


@pytest.mark.parametrize("leave", LEAVING)
@pytest.mark.parametrize("seconds", [0, 1])
def test_an_answer_that_does_not_come_is_given_up_in_time_and_costs_nothing(
    new_client: NewClient,
    make_proxy: Callable[..., Proxy],
    provider: Provider,
    leave: Callable[[Client], None],
    seconds: int,
) -> None:
    proxy = behind(make_proxy, provider, ABANDONED_SECONDS=str(seconds))
    client = new_client(proxy).ask("silent")
    asked = provider.next()
    leave(client)
    assert asked.is_hung_up()
    assert figures(only_event(proxy, "silent")) == (499, "client_disconnected", 0, None)


def test_an_answer_that_stops_in_the_middle_is_given_up_and_estimated(
    new_client: NewClient, make_proxy: Callable[..., Proxy], provider: Provider
) -> None:
    proxy = behind(make_proxy, provider, ABANDONED_SECONDS="1")
    client = new_client(proxy).ask("half way")
    asked = provider.next()
    client.close()
    assert is_noticed(proxy)
    asked.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
    assert asked.is_hung_up()
    event = only_event(proxy, "half way")
    assert (event["error"], event["usage_estimated"]) == ("client_disconnected", True)
    assert event["output_tokens"] >= 60 and event["cost_usd"] > 0


def test_the_proxys_stop_leaves_an_event_of_what_is_being_read_on(
    new_client: NewClient, make_proxy: Callable[..., Proxy], provider: Provider
) -> None:
    proxy = behind(make_proxy, provider)
    clients = [new_client(proxy).ask(f"stop {number}", seed=number) for number in range(3)]
    asked = [provider.next() for _ in clients]
    for client, leave in zip(clients, [Client.close, Client.reset, Client.close], strict=True):
        leave(client)
    until(lambda: proxy.get("/stats")["abandoned"]["now"] == 3)
    asked[0].connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    proxy.stop()
    assert all(each.is_hung_up() for each in asked)
    events = proxy.events()
    assert [event["error"] for event in events] == ["client_disconnected"] * 3
    assert "Traceback" not in proxy.log
