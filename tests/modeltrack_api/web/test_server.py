import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from statistics import median

import pytest

from modeltrack_api.web import slots
from modeltrack_api.web.messages import Answer, Request
from modeltrack_api.web.server import Limits, Server
from tests.modeltrack_api.serving import Client, error, serving

GET = "GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n"
QUICK = Limits(connections=3, read_seconds=1, idle_seconds=1, write_seconds=0.3, stop_seconds=2)


def echo(request: Request) -> Answer:
    return Answer(200, f"{request.method} {request.target} {request.body.decode()}".encode(), "text/plain")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(echo) as started:
        yield started


@pytest.fixture
def quick() -> Iterator[Server]:
    with serving(echo, QUICK) as started:
        yield started


def test_a_connection_is_kept_for_the_next_request(server: Server) -> None:
    with Client(server) as client:
        for n in range(3):
            response, body = client.ask(f"GET /{n} HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (response.status, body) == (200, f"GET /{n} ".encode())


def test_requests_sent_in_one_go_are_answered_in_their_order(server: Server) -> None:
    post = "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    with Client(server) as client:
        client.sendall((GET + post + GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).encode())
        answers = client.rest()
    assert [part.split(b"\r\n\r\n")[1] for part in answers.split(b"HTTP/1.1 200 OK")[1:]] == [
        b"GET /a ",
        b"POST /b hello",
        b"GET /a ",
    ]


@pytest.mark.parametrize("head", ["GET / HTTP/1.0", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close"])
def test_a_client_that_wants_the_connection_closed_has_its_way(server: Server, head: str) -> None:
    with Client(server) as client:
        client.sendall(f"{head}\r\n\r\n".encode())
        assert b"\r\nConnection: close\r\n" in client.rest()


def test_head_has_the_headers_of_get_and_no_body(server: Server) -> None:
    with Client(server) as client:
        of_get, _ = client.ask(GET)
        response, body = client.ask(GET.replace("GET", "HEAD"), "HEAD")
        assert (response.status, body) == (200, b"")
        assert response.headers["Content-Type"] == of_get.headers["Content-Type"]
        assert int(response.headers["Content-Length"]) == len("HEAD /a ")
        assert client.ask(GET)[1] == b"GET /a "


BODY = "POST / HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("nonsense\r\n\r\n", 400),
        ("GET /\r\n\r\n", 400),
        ("GET / / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: x\r\n\r\n", 400),
        ("GET / HTTP/0.9\r\nHost: x\r\n\r\n", 400),
        ("GET / HTTP/x\r\nHost: x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nA: b\rC: d\r\n\r\n", 400),
        (f"GET /{'a' * 40_000} HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (f"GET / HTTP/1.1\r\nHost: x\r\nA: {'a' * 40_000}\r\n\r\n", 431),
        ("GET / HTTP/1.1\r\nHost: x\r\n" + "A: b\r\n" * 101 + "\r\n", 431),
        (BODY + "Content-Length: -1\r\n\r\n", 400),
        (BODY + "Content-Length: 1_0\r\n\r\n", 400),
        (BODY + "Content-Length: 5, 5\r\n\r\n", 400),
        (BODY + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
        (BODY + f"Content-Length: {'9' * 30}\r\n\r\n", 400),
        (BODY + "Content-Length: 65537\r\n\r\n", 413),
        (BODY + "Content-Length: 65537\r\nExpect: 100-continue\r\n\r\n", 413),
        (BODY + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (BODY + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 411),
    ],
)
def test_a_request_that_cannot_be_read_is_refused_and_is_the_last(server: Server, request_: str, status: int) -> None:
    with Client(server) as client:
        response, body = client.ask(request_)
        assert (response.status, response.headers["Connection"]) == (status, "close")
        assert error(body)
        assert client.recv(1) == b""


def test_a_body_that_is_too_long_is_refused_though_it_is_sent_at_once(server: Server) -> None:
    with Client(server) as client:
        response, body = client.ask(BODY.encode() + b"Content-Length: 500000\r\n\r\n" + b"x" * 500_000)
        assert (response.status, error(body)) == (413, "a body has 65536 bytes at most")


def test_the_longest_body_is_taken(server: Server) -> None:
    with Client(server) as client:
        _, body = client.ask(BODY.encode() + b"Content-Length: 65536\r\n\r\n" + b"x" * 65536)
        assert len(body) == len("POST / ") + 65536


def test_a_client_that_asks_whether_to_send_its_body_is_told_to(server: Server) -> None:
    with Client(server) as client:
        client.sendall((BODY + "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n").encode())
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert client.ask("hello")[1] == b"POST / hello"


@pytest.mark.parametrize("start", ["GET / HTTP/1.1\r\nA: ", BODY + "Content-Length: 1000\r\n\r\n"])
def test_a_client_that_trickles_is_cut_off(quick: Server, start: str) -> None:
    with Client(quick) as client:
        client.sendall(start.encode())
        stop = threading.Event()

        def trickle() -> None:
            while not stop.wait(0.05):
                try:
                    client.send(b"x")
                except OSError:
                    return

        thread = threading.Thread(target=trickle)
        thread.start()
        response, body = client.ask("")
        stop.set()
        thread.join()
        assert (response.status, error(body)) == (408, "the request did not arrive within 1 seconds")


@pytest.mark.parametrize("before", ["", GET])
def test_a_connection_that_is_idle_is_closed_without_a_word(quick: Server, before: str) -> None:
    with Client(quick) as client:
        if before:
            client.ask(before)
        assert client.recv(1) == b""


def test_a_client_that_does_not_read_its_answer_is_cut_off() -> None:
    with serving(lambda _: Answer(200, b"x" * 50_000_000), QUICK) as server, Client(server) as client:
        client.sendall(GET.encode())
        assert until_none_open(server)


def test_a_client_that_hangs_up_in_its_request_is_forgotten(quick: Server) -> None:
    for part in ("GET / HT", GET[:-2], BODY + "Content-Length: 5\r\n\r\nhe"):
        with Client(quick) as client:
            client.sendall(part.encode())
    assert until_none_open(quick)


def until(condition: Callable[[], bool]) -> bool:
    pause = threading.Event()
    return any(condition() or pause.wait(0.02) for _ in range(3000))


def until_none_open(server: Server) -> bool:
    with server.slots._changed:
        return server.slots._changed.wait_for(lambda: not server.slots._open, 60)


def test_the_connection_that_waits_for_longest_makes_room_for_a_new_one() -> None:
    with serving(echo, Limits(connections=3)) as server, Client(server) as first, Client(server) as second:
        for client in (first, second, first):
            assert client.ask(GET)[0].status == 200
            assert until(lambda: len(server.slots._waiting) == 2)
        with Client(server) as third, Client(server) as fourth:
            assert third.ask(GET)[0].status == fourth.ask(GET)[0].status == 200
            assert second.recv(1) == b""
            assert first.ask(GET)[0].status == 200


def test_idle_connections_do_not_keep_others_out() -> None:
    with serving(echo) as server, ExitStack() as stack:
        idle = [stack.enter_context(Client(server)) for _ in range(2 * server.limits.connections)]
        for _ in range(10):
            with Client(server) as client:
                assert client.ask(GET)[0].status == 200
        assert idle[0].recv(1) == b""


def test_requests_that_do_not_come_to_their_end_do_not_keep_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "READING_SECONDS", 60.0)
    with serving(echo, Limits(connections=3)) as server, ExitStack() as stack:
        for start in ("GET / HTTP", "GET / HTTP/1.1\r\nA: ", BODY + "Content-Length: 5\r\n\r\nhe"):
            stack.enter_context(Client(server)).sendall(start.encode())
        assert until(lambda: len(server.slots._reading) == 3)
        with Client(server) as early:
            assert early.ask("")[0].status == 503
        monkeypatch.setattr(slots, "READING_SECONDS", 0.0)
        with Client(server) as client:
            assert client.ask(GET)[0].status == 200


def test_connections_beyond_the_limit_get_503_while_all_others_are_answered() -> None:
    asked, go_on = threading.Semaphore(0), threading.Event()

    def slow(request: Request) -> Answer:
        asked.release()
        go_on.wait(60)
        return echo(request)

    with serving(slow, Limits(connections=2)) as server, Client(server) as first, Client(server) as second:
        for client in (first, second):
            client.sendall(GET.encode())
            assert asked.acquire(timeout=60)
        with Client(server) as third:
            response, body = third.ask("")
            assert (response.status, response.headers["Retry-After"]) == (503, "1")
            assert error(body) == "too many connections"
        go_on.set()
        assert first.ask("")[0].status == second.ask("")[0].status == 200
        with Client(server) as fourth:
            assert fourth.ask(GET)[0].status == 200


def test_stop_waits_for_the_answer_under_way_and_not_for_idle_clients() -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slow(request: Request) -> Answer:
        if request.target == "/slow":
            asked.set()
            go_on.wait(60)
        return echo(request)

    server = Server("127.0.0.1", 0, slow)
    server.start()
    with Client(server) as idle, Client(server) as busy:
        idle.ask(GET)
        busy.sendall(GET.replace("/a", "/slow").encode())
        assert asked.wait(60)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        assert idle.recv(1) == b""
        go_on.set()
        response, body = busy.ask("")
        assert (body, response.headers["Connection"]) == (b"GET /slow ", "close")
        stopping.join(60)
        assert not stopping.is_alive()


def test_the_address_may_be_one_of_ipv6() -> None:
    try:
        server = Server("::1", 0, echo)
    except OSError:
        pytest.skip("no IPv6 here")
    server.start()
    try:
        assert server.url.startswith("http://[::1]:")
        with Client(server) as client:
            assert client.ask(GET)[0].status == 200
    finally:
        server.stop()


def test_two_servers_do_not_share_a_port(server: Server) -> None:
    with pytest.raises(OSError):
        Server("127.0.0.1", server.server_address[1], echo)


def test_an_answer_names_no_version_of_anything(server: Server) -> None:
    with Client(server) as client:
        response, _ = client.ask(GET)
    assert response.headers.keys() == ["Date", "Content-Type", "Content-Length"]


def test_small_answers_do_not_wait_for_more(server: Server) -> None:
    with Client(server) as client:
        times = []
        for _ in range(50):
            began = time.monotonic()
            client.ask(GET)
            times.append(time.monotonic() - began)
    assert median(times) < 0.04  # what each takes with Nagle's algorithm against delayed acknowledgements
