"""What the fuzzer has found: clients that close their side while another request, or another protocol, is under way."""

import socket

import pytest

from tests.e2e.conftest import KEY, Proxy, until

HEAD = f"Host: x\r\nAuthorization: Bearer {KEY}\r\nX-ModelTrack-Team: next\r\n"
FIRST = f"GET /v1/models HTTP/1.1\r\n{HEAD}\r\n"
UPGRADE = (
    f"GET /v1/responses HTTP/1.1\r\n{HEAD}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)


@pytest.mark.parametrize(
    "sent",
    [
        FIRST + f"POST /v1/chat/completions HTTP/1.1\r\n{HEAD}Content-Length: 500\r\n\r\n" + '{"model": "gpt-4o"',
        FIRST + f"POST /v1/chat/completions HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        FIRST + "POST /v1/chat/comp",
        UPGRADE,
        UPGRADE + "\x81",
        "CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\nContent-Length: 9\r\n\r\nhel",
    ],
)
def test_it_is_told_the_end_and_nothing_is_left(proxy: Proxy, sent: str) -> None:
    with socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2])), timeout=20) as client:
        client.sendall(sent.encode("latin-1"))
        client.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 ")
    until(lambda: proxy.get("/stats")["in_flight"] == 0, 20)
    assert proxy.get("/stats")["reserved_usd"] == 0
    assert "crashed" not in proxy.log and "Traceback" not in proxy.log
