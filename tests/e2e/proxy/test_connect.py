"""Check CONNECT, and requests that name another host: whom the port lets through to which host, and what it reads."""

import hashlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes

from addons.ca_bundle import write_bundle
from demo.fake_provider.server import FakeProvider
from tests.e2e.certificates import self_signed
from tests.e2e.conftest import PROMPT, Proxy, until


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    """A TLS server of nobody's; its port and its certificate's fingerprint."""
    pem = tmp_path_factory.mktemp("tls") / "server.pem"
    certificate = self_signed(pem, "other.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                raw, _ = listener.accept()
                with raw, context.wrap_socket(raw, server_side=True) as client:
                    client.sendall(b"hello " + client.recv(100))
            except OSError:
                if listener.fileno() < 0:
                    return

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1], certificate.fingerprint(hashes.SHA256()).hex()
    listener.close()


def open_socket(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2])), timeout=10)


def connect(proxy: Proxy, host: str, port: int) -> tuple[socket.socket, bytes]:
    """An open tunnel, and the answer to CONNECT."""
    raw = open_socket(proxy)
    raw.sendall(b"CONNECT %b:%d HTTP/1.1\r\nHost: x\r\n\r\n" % (host.encode(), port))
    answer = raw.recv(65536)
    while answer.startswith(b"HTTP/1.1 403") and not answer.endswith(b"}"):
        answer += raw.recv(65536)
    return raw, answer


def test_another_host_is_reached_untouched_with_its_own_certificate(proxy: Proxy, tls_server: tuple[int, str]) -> None:
    port, fingerprint = tls_server
    raw, answer = connect(proxy, "127.0.0.1", port)
    assert answer.startswith(b"HTTP/1.1 200 ")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with raw, context.wrap_socket(raw, server_hostname="other.test") as tunnel:
        seen = tunnel.getpeercert(binary_form=True)
        assert seen and hashlib.sha256(seen).hexdigest() == fingerprint
        tunnel.sendall(b"world")
        assert tunnel.recv(100) == b"hello world"


def test_any_protocol_passes_through_the_tunnel_of_another_host(proxy: Proxy) -> None:
    """One whose server speaks first, and a WebSocket's handshake and frame: HTTP that nobody here may read as HTTP."""
    handshake = b"GET /v1/messages HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    frame = b"\x82\x05\x00\xff\r\n\x00"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        raw, _ = connect(proxy, "127.0.0.1", listener.getsockname()[1])
        raw.sendall(handshake)
        server, _ = listener.accept()
        with raw, server:
            server.settimeout(10)
            received = b""
            while len(received) < len(handshake):
                received += server.recv(100)
            assert received == handshake
            for sender, receiver in ((server, raw), (raw, server)):
                sender.sendall(frame)
                assert receiver.recv(100) == frame


HOSTS = [
    "api.anthropic.com",
    "api.openai.com",
    "eu.api.openai.com",
    "res.openai.azure.com",
    "res.services.ai.azure.com",
    "bedrock-runtime.eu-west-1.amazonaws.com",
    "bedrock-mantle.us-east-1.api.aws",
]


@pytest.mark.parametrize("host", HOSTS)
def test_llm_hosts_are_decrypted(proxy: Proxy, tmp_path: Path, host: str) -> None:
    write_bundle(tmp_path / "ca.pem", proxy.confdir)
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    raw, _ = connect(proxy, host, 443)
    with raw, context.wrap_socket(raw, server_hostname=host) as tunnel:
        certificate: Any = tunnel.getpeercert()
        assert (("organizationName", "mitmproxy"),) in certificate["issuer"]


def ask_in_full(proxy: Proxy, method: bytes, url: str, body: bytes = b"") -> bytes:
    """The answer to a request as a client sends it that has HTTP_PROXY set."""
    with open_socket(proxy) as raw:
        host = url.split("/")[2].encode()
        head = b"%b %b HTTP/1.1\r\nHost: %b\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        raw.sendall(head % (method, url.encode(), host, len(body)) + body)
        return b"".join(iter(lambda: raw.recv(65536), b""))


@pytest.mark.parametrize("path", ["/", "/v1/models", "/v1/messages", "/stats", "/x?a=b"])
@pytest.mark.parametrize("method", [b"GET", b"POST"])
def test_the_port_is_no_proxy_for_plain_http(proxy: Proxy, fake: FakeProvider, method: bytes, path: str) -> None:
    for host in ("internal.test", fake.url.removeprefix("http://")):
        answer = ask_in_full(proxy, method, f"http://{host}{path}", b"{}")
        assert answer.startswith(b"HTTP/1.1 403 ")
        assert b"no proxy for plain HTTP" in answer and b"put the host in NO_PROXY" in answer
    assert fake.requests == []


def test_a_request_for_the_proxy_itself_may_come_that_way(proxy: Proxy, fake: FakeProvider) -> None:
    assert b'{"status":"ok"}' in ask_in_full(proxy, b"GET", proxy.url + "/healthz")
    body = json.dumps({"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": PROMPT}]}).encode()
    assert ask_in_full(proxy, b"POST", proxy.url + "/v1/messages", body).startswith(b"HTTP/1.1 200 ")
    assert [request.path for request in fake.requests] == ["/v1/messages"]


def test_plain_http_after_a_refused_connect_goes_nowhere_else(
    make_proxy: Callable[..., Proxy], fake: FakeProvider
) -> None:
    raw, answer = connect(make_proxy(TUNNEL_OTHER_HOSTS="none"), "127.0.0.1", 9)
    with raw:
        assert answer.startswith(b"HTTP/1.1 403")
        raw.sendall(b"GET %b/_fake/requests HTTP/1.1\r\nHost: x\r\n\r\n" % fake.url.encode())
        assert not raw.recv(65536).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(("allowed", "status"), [("none", b"403"), ("loopback", b"200"), ("all", b"200")])
def test_who_may_reach_other_hosts_is_a_setting(
    make_proxy: Callable[..., Proxy], tls_server: tuple[int, str], allowed: str, status: bytes
) -> None:
    raw, answer = connect(make_proxy(TUNNEL_OTHER_HOSTS=allowed), "127.0.0.1", tls_server[0])
    with raw:
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert allowed != "none" or b"TUNNEL_OTHER_HOSTS=none" in answer


def test_a_client_that_does_not_trust_the_ca_is_told_in_the_log_what_to_set(proxy: Proxy) -> None:
    raw, _ = connect(proxy, "api.anthropic.com", 443)
    with raw, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(raw, server_hostname="api.anthropic.com")
    until(lambda: "does not trust the certificate of api.anthropic.com" in proxy.log)
    assert "SSL_CERT_FILE" in proxy.log and "NODE_EXTRA_CA_CERTS" in proxy.log
