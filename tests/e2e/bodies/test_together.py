"""All bodies together have a limit: one too many is refused with a 503, and what is held is given back."""

from collections.abc import Callable

import pytest

from tests.e2e.absent.by_hand import LEAVING, Client, NewClient, Provider, behind
from tests.e2e.conftest import Proxy, until

MB = 2**20


@pytest.fixture(scope="module")
def full(make_proxy: Callable[..., Proxy], provider: Provider) -> Proxy:
    """Start a proxy that takes bodies of 120 MB, and 960 MB together."""
    return behind(make_proxy, provider, MAX_REQUEST_BYTES=str(120 * MB))


def begin(client: Client, announced: int) -> None:
    """Announce a body, and send a part of it that shows whether it is taken."""
    client.socket.sendall(f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: {announced}\r\n\r\n{{".encode())


def is_taken(proxy: Proxy, new_client: NewClient, size: int = 120 * MB) -> bool:
    """Tell whether one more body may come: it is refused at once, or nothing is said."""
    client = new_client(proxy)
    begin(client, size)
    client.socket.settimeout(0.3)
    try:
        return not client.socket.recv(65536).startswith(b"HTTP/1.1 503 ")
    except TimeoutError:
        return True
    finally:
        client.close()


@pytest.mark.parametrize("leave", LEAVING)
def test_one_body_too_many_is_refused_and_there_is_room_again_when_the_others_have_left(
    full: Proxy, new_client: NewClient, leave: Callable[[Client], None]
) -> None:
    clients = [new_client(full) for _ in range(8)]
    for client in clients:
        begin(client, 120 * MB)
    refused = new_client(full)
    until(lambda: not is_taken(full, new_client))
    begin(refused, MB)
    answer = refused.read_until(b"}}")
    assert answer.startswith(b"HTTP/1.1 503 ") and b"retry-after: 1\r\n" in answer.lower() and b"proxy_busy" in answer
    small = new_client(full)
    small.socket.sendall(b"GET /stats HTTP/1.1\r\nHost: x\r\n\r\n")
    assert small.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    for client in clients:
        leave(client)
    until(lambda: is_taken(full, new_client))
