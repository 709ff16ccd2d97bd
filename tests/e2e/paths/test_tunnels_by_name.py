"""Test that no tunnel hides calls to an LLM host: by SNI, by Host, in what is not HTTP, or by `OPTIONS *`."""

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from addons.ca_bundle import write_bundle
from demo.fake_provider.server import FakeProvider
from tests.e2e.conftest import KEY, PROMPT, Proxy
from tests.e2e.proxy.test_connect import connect, open_socket

BODY = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": PROMPT}]}).encode()
ADDRESS = "127.0.0.1"  # nothing listens on its port 9


@contextmanager
def tunnel(proxy: Proxy, host: str, name: str, folder: Path, port: int = 443) -> Iterator[ssl.SSLSocket]:
    """Open a tunnel to a host, and TLS in it for a name; only the proxy's certificate is accepted."""
    write_bundle(folder / "ca.pem", proxy.confdir)
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    raw, answer = connect(proxy, host, port)
    with raw:
        assert answer.startswith(b"HTTP/1.1 200 ")
        with context.wrap_socket(raw, server_hostname=name) as wrapped:
            yield wrapped


def call(
    wrapped: ssl.SSLSocket, team: str, host: str, path: str = "/v1/chat/completions", method: str = "POST"
) -> bytes:
    head = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"X-ModelTrack-Team: {team}", "X-ModelTrack-No-Cache: 1"]
    head += [f"Authorization: Bearer {KEY}", "Connection: close", f"Content-Length: {len(BODY)}", "", ""]
    wrapped.sendall("\r\n".join(head).encode() + BODY)
    return b"".join(iter(lambda: wrapped.recv(65536), b""))


def test_a_tunnel_to_an_address_is_read_where_tls_asks_for_an_llm_host(
    proxy: Proxy, fake: FakeProvider, tmp_path: Path
) -> None:
    with tunnel(proxy, ADDRESS, "api.openai.com", tmp_path, port=9) as wrapped:
        assert call(wrapped, "by sni", "api.openai.com").startswith(b"HTTP/1.1 200 ")
    [event] = proxy.events(team="by sni")
    assert (event["provider"], event["cost_usd"]) == ("openai", 0.0045)
    assert len(fake.requests) == 1


@pytest.mark.parametrize("host", ["example.com", "api.anthropic.com", "127.0.0.1:1", "api.openai.com@example.com"])
def test_another_host_in_its_requests_changes_nothing(
    proxy: Proxy, fake: FakeProvider, tmp_path: Path, host: str
) -> None:
    with tunnel(proxy, "api.openai.com", "api.openai.com", tmp_path) as wrapped:
        assert call(wrapped, f"host {host}", host).startswith(b"HTTP/1.1 200 ")
    assert [event["cost_usd"] for event in proxy.events(team=f"host {host}")] == [0.0045]
    assert fake.requests[0].header("host") == fake.url.removeprefix("http://")


def test_another_name_in_tls_changes_nothing(proxy: Proxy, fake: FakeProvider, tmp_path: Path) -> None:
    with tunnel(proxy, "api.openai.com", "example.com", tmp_path) as wrapped:
        assert call(wrapped, "another sni", "example.com", "https://example.com/v1/chat/completions").startswith(
            b"HTTP/1.1 200 "
        )
    assert [event["cost_usd"] for event in proxy.events(team="another sni")] == [0.0045]


@pytest.mark.parametrize(
    "first",
    [b"\x00\x01\x02\x03\r\n\r\n", b"SSH-2.0-x\r\n\r\n", b"\x16\x03\x09\x00\x01\x01\r\n\r\n", b"\x16GET / HTTP/1.1"],
)
def test_nothing_that_cannot_be_read_passes_to_an_llm_host(proxy: Proxy, fake: FakeProvider, first: bytes) -> None:
    raw, _ = connect(proxy, ADDRESS, int(fake.url.rpartition(":")[2]))  # the host of the base URLs
    with raw:
        raw.sendall(first)
        raw.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert fake.requests == []


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_request_is_metered_however_small_its_first_piece_is(proxy: Proxy, fake: FakeProvider, size: int) -> None:
    raw, _ = connect(proxy, ADDRESS, int(fake.url.rpartition(":")[2]))
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-ModelTrack-Team: pieces {size}\r\nConnection: close\r\n"
    request = f"{head}X-ModelTrack-No-Cache: 1\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    with raw:
        raw.sendall(request[:size])
        with open_socket(proxy) as other:  # what it is answered shows that the piece before it has come
            other.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert other.recv(65536).startswith(b"HTTP/1.1 200 ")
        raw.sendall(request[size:])
        assert b"".join(iter(lambda: raw.recv(65536), b"")).startswith(b"HTTP/1.1 200 ")
    assert [event["cost_usd"] for event in proxy.events(team=f"pieces {size}")] == [0.0045]


def test_there_is_no_tunnel_in_a_tunnel(proxy: Proxy, fake: FakeProvider, tmp_path: Path) -> None:
    with tunnel(proxy, "api.openai.com", "api.openai.com", tmp_path) as wrapped:
        wrapped.sendall(b"CONNECT 127.0.0.1:9 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wrapped.recv(65536).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("method", ["OPTIONS", "GET"])
def test_a_request_about_the_server_is_a_404_in_json(
    proxy: Proxy, fake: FakeProvider, tmp_path: Path, method: str
) -> None:
    with tunnel(proxy, "api.openai.com", "api.openai.com", tmp_path) as wrapped:
        answer = call(wrapped, "", "api.openai.com", "*", method)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 ") and json.loads(body)["error"]["type"] == "not_found"
    with open_socket(proxy) as raw:
        raw.sendall(f"{method} * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 404 ") and b'"not_found"' in answer
    assert fake.requests == [] and "Routing." not in proxy.log


def test_what_no_list_has_is_guarded_in_tunnels_too(
    make_proxy: Callable[..., Proxy], fake: FakeProvider, tmp_path: Path
) -> None:
    budgets = {"budgets": [{"team": "covered", "monthly_limit": 100, "action": "block"}]}
    proxy = make_proxy(files={"budgets.json": budgets})
    for path in ("/v1/images/generations", "/V1/chat/completions", "/v1/chat/completions#", "/anything"):
        with tunnel(proxy, "api.openai.com", "api.openai.com", tmp_path) as wrapped:
            assert call(wrapped, "covered", "api.openai.com", path).startswith(b"HTTP/1.1 403 ")
    with tunnel(proxy, "r.openai.azure.us", "r.openai.azure.us", tmp_path) as wrapped:
        assert call(wrapped, "covered", "r.openai.azure.us", "/OpenAI/Images/Generations").startswith(b"HTTP/1.1 403 ")
    assert fake.requests == []
    assert [event["unmetered"] for event in proxy.events(team="covered")] == [True] * 5
