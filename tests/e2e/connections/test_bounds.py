"""More connections than there may be, and more than the system has files for."""

import contextlib
import resource
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demo.fake_provider.server import FakeProvider
from tests.e2e.absent.by_hand import Client, Provider
from tests.e2e.calls import OPENAI, post
from tests.e2e.conftest import ROOT, Proxy, replace, until

START = Callable[..., Proxy]
SPEED_UPS = pytest.mark.parametrize("fast", ["true", "false"], ids=["speed-ups", "no speed-ups"])


PING = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


class Crowd(contextlib.ExitStack):
    """Clients that connect and say nothing, or ask for one page and then begin with another message."""

    def join(self, proxy: Proxy, number: int, begin: bytes = b"") -> list[socket.socket]:
        address = ("127.0.0.1", int(proxy.url.rpartition(":")[2]))
        made = [self.enter_context(socket.create_connection(address, timeout=60)) for _ in range(number)]
        for each in made if begin else []:
            each.sendall(PING + begin)
            received = b""
            while not received.endswith(b'{"status":"ok"}'):  # so what has begun has come, too
                received += each.recv(65536) or pytest.fail(f"closed after {received!r}")
        return made


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    with Crowd() as made:
        yield made


def with_files(make_proxy: START, files: int, **env: str) -> Proxy:
    """Start a proxy that may open no more than so many files."""
    proxy = make_proxy(start=False, **env)
    proxy._command = ["sh", "-c", f'ulimit -n {files}; ulimit -Sn {files // 2}; exec "$@"', "sh", *proxy._command]
    return proxy.start().ready()


def is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(65536) == b""
    except ConnectionResetError:
        return True


def connections(proxy: Proxy) -> dict[str, int]:
    found: dict[str, int] = proxy.get("/stats")["connections"]
    return found


@SPEED_UPS
def test_more_idle_connections_than_there_are_files_stop_nobody_and_say_little(
    make_proxy: START, crowd: Crowd, fast: str
) -> None:
    proxy = with_files(make_proxy, 512, MODELTRACK_FAST_DISPATCH=fast)
    crowd.join(proxy, 600)
    for _ in range(3):
        assert post(proxy, "crowd").status_code == 200
    found = connections(proxy)
    assert found["most"] == 192 and 185 <= found["now"] <= 192
    assert found["idle_closed"] >= 600 - 192 and not found["refused"]
    assert len(proxy.log.splitlines()) < 10 and "Traceback" not in proxy.log
    assert "192 clients may be connected at once, not MAX_CONNECTIONS=10000" in proxy.log
    assert "closed 1 idle connections for new ones, since all 192 are taken" in proxy.log


@SPEED_UPS
def test_where_no_file_is_left_it_is_said_once_and_the_proxy_recovers(make_proxy: START, fast: str) -> None:
    proxy = make_proxy(MODELTRACK_FAST_DISPATCH=fast).ready()
    with Crowd() as crowd:
        [*_, last] = crowd.join(proxy, 60)
        until(lambda: connections(proxy)["now"] >= 60)
        used = len(list(Path(f"/proc/{proxy.process.pid}/fd").iterdir()))
        resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (used + 5, used + 5))
        crowd.join(proxy, 100)
        until(lambda: "connections could not be accepted" in proxy.log)
        with contextlib.suppress(OSError):  # who is there is served
            last.sendall(PING)
            assert last.recv(65536).startswith(b"HTTP/1.1 200 ")
        until(lambda: post(proxy, "recovers").status_code == 200)
    assert post(proxy, "recovers").status_code == 200
    assert len([line for line in proxy.log.splitlines() if "could not be accepted" in line]) < 4
    assert "Traceback" not in proxy.log and len(proxy.log.splitlines()) < 20


@SPEED_UPS
def test_who_is_not_idle_keeps_the_connection(make_proxy: START, fake: FakeProvider, crowd: Crowd, fast: str) -> None:
    proxy = make_proxy(MAX_CONNECTIONS="8", MODELTRACK_FAST_DISPATCH=fast).ready()
    call, tunnel = (crowd.enter_context(contextlib.closing(Client(proxy, tunnel=each))) for each in (False, True))
    call.ask("held", "X-Fake: hold=1")
    until(lambda: proxy.get("/stats")["in_flight"] == 1)
    [head] = crowd.join(proxy, 1, b"GET /healthz HTTP/1.1\r\nHost:")
    [body] = crowd.join(proxy, 1, b"POST " + OPENAI.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1234")
    provider = crowd.enter_context(Provider())
    [other] = crowd.join(proxy, 1)
    other.sendall(f"CONNECT {provider.url.removeprefix('http://')} HTTP/1.1\r\n\r\n".encode())
    assert other.recv(65536).startswith(b"HTTP/1.1 200 ")
    other.sendall(b"GET / HTTP/1.1\r\n\r\n")
    asked = provider.next()
    idle = crowd.join(proxy, 20)
    assert all(map(is_closed, idle[:10]))
    assert is_closed(tunnel.socket), "a tunnel through which nothing goes is idle"
    head.sendall(b" x\r\n\r\n")
    assert head.recv(65536).startswith(b"HTTP/1.1 200 ")
    body.sendall(b"56789")
    assert body.recv(65536).startswith(b"HTTP/1.1 400 ")
    asked.answer({})
    assert other.recv(65536).startswith(b"HTTP/1.1 200 ")
    fake.release()
    assert call.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    assert connections(proxy)["refused"] == 0


def test_where_none_is_idle_a_new_one_gets_a_503(make_proxy: START, crowd: Crowd) -> None:
    proxy = make_proxy(MAX_CONNECTIONS="5").ready()
    heads: list[socket.socket] = []

    def are_five() -> bool:
        with contextlib.suppress(
            pytest.fail.Exception, ConnectionResetError
        ):  # while an earlier connection is being closed
            heads.extend(crowd.join(proxy, 1, b"GET /healthz HTTP/1.1\r\nHost:"))
        return len(heads) == 5

    until(are_five)
    [new] = crowd.join(proxy, 1)
    answer = new.recv(65536)
    assert answer.startswith(b"HTTP/1.1 503 ") and b"too many connections are open; try again" in answer
    assert is_closed(new)
    for each in heads:
        each.close()
    until(lambda: post(proxy, "again").status_code == 200)
    assert connections(proxy)["refused"] and "refused 1 connections, since all 5 are in use" in proxy.log


def test_connections_are_known_to_a_script_that_is_loaded_again(
    make_proxy: START, crowd: Crowd, tmp_path: Path
) -> None:
    script = tmp_path / "main.py"
    script.write_text((ROOT / "addons/main.py").read_text())
    proxy = make_proxy(start=False, PYTHONPATH=str(ROOT))
    proxy.use("mitmdump", script)
    crowd.join(proxy.start().ready(), 5, PING[:9])
    replace(script, script.read_text() + "\n# edited\n")
    until(lambda: proxy.log.count("Loading script") == 2)
    assert 5 <= connections(proxy.ready())["now"] < 10
