"""Speak HTTP/1.1 for the API: accept connections, read requests, write answers, all with limits on size and time.

`dispatch` decides what an answer says. Nothing here reads a query, and `dispatch` never reads from a socket.
"""

import io
import logging
import re
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, cast

from modeltrack_api.web.handler import ApiError
from modeltrack_api.web.messages import Answer, Request, error_answer
from modeltrack_api.web.slots import Slots

logger = logging.getLogger(__name__)


class Limits(NamedTuple):
    connections: int = 100
    head_bytes: int = 32 * 1024
    body_bytes: int = 64 * 1024
    idle_seconds: float = 30
    """How long a connection may wait for its next request."""
    read_seconds: float = 10
    """How long a whole head may take from its first byte, and again a whole body, however slowly the bytes come."""
    write_seconds: float = 30
    stop_seconds: float = 5


LIMITS = Limits()
_LINGER_SECONDS, _LINGER_BYTES = 1, 2**20
# One header on one line (RFC 9112, 5): no space before the colon, no folded lines, no control characters.
_HEADER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\x00-\x08\x0a-\x1f\x7f]*\r?\n")
_FULL = error_answer(503, "too many connections", {"Retry-After": "1"})


class Server(ThreadingHTTPServer):
    """An HTTP server with one thread per connection and a limit on connections. Binds when made; raises OSError.

    At the limit, a connection that waits for its next request is closed for a new one.
    """

    daemon_threads = True
    allow_reuse_port = False
    request_queue_size = 128

    def __init__(self, host: str, port: int, answer: Callable[[Request], Answer], limits: Limits = LIMITS) -> None:
        self.answer = answer
        self.limits = limits
        self.stopping = False
        self.slots = Slots(limits.connections)
        self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        super().__init__((host, port), _Connection)

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        return f"http://[{host!s}]:{port}" if self.address_family == socket.AF_INET6 else f"http://{host!s}:{port}"

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # HTTPServer's own asks the DNS for a name, which may take long

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, args=(0.1,), name="modeltrack-http", daemon=True).start()

    def stop(self) -> None:
        """Take no more requests, and wait up to `stop_seconds` for those that are being answered."""
        self.stopping = True
        self.shutdown()
        self.server_close()
        if left := self.slots.free_all(self.limits.stop_seconds):
            logger.warning("stopped before %d connections had their whole answer", left)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self.slots.take(request):
            try:
                super().process_request(request, client_address)
            except BaseException:
                self.slots.free(request)
                raise
            return
        request.setblocking(False)
        with suppress(OSError):
            request.send(_encoded(_FULL, "GET", close=True))
            # Bytes that are unread at the close would reset the connection, and the answer would be lost.
            request.recv(self.limits.head_bytes)
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.slots.free(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.exception("a connection failed")


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server
    rfile: io.BufferedIOBase

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wire = _Wire(self.connection)
        self.rfile = io.BufferedReader(self._wire, 16 * 1024)

    def handle(self) -> None:
        self.close_connection = False
        try:
            while not (self.close_connection or self.server.stopping):
                self.handle_one_request()
        except (TimeoutError, ConnectionError) as error:
            logger.debug("a connection ended: %s", error)

    def handle_one_request(self) -> None:
        self.command = ""
        limits, slots = self.server.limits, self.server.slots
        self._wire.end_in(limits.idle_seconds)
        slots.waits(self.connection)
        try:
            if not cast(io.BufferedReader, self.rfile).peek(1) or not slots.reads(self.connection):
                self.close_connection = True
                return
        except TimeoutError:
            self.close_connection = True
            return
        try:
            self._wire.end_in(limits.read_seconds)
            request = self._request()
        except ApiError as error:
            self.send_error(error.status, str(error))
        except TimeoutError:
            self.send_error(408, f"the request did not arrive within {limits.read_seconds:g} seconds")
        else:
            if request and slots.answers(self.connection):
                self._send(self.server.answer(request))

    def _request(self) -> Request | None:
        """Read the next request; None if it has been answered already or the client has gone.

        Raises ApiError, TimeoutError.
        """
        head = self._head()
        if not head:
            self.close_connection = True
            return None
        if not all(map(_HEADER.fullmatch, head[1:])):
            raise ApiError(400, "a header is malformed")
        self.raw_requestline = head[0]
        self._expects_100 = False
        wire, self.rfile = self.rfile, io.BytesIO(b"".join(head[1:]) + b"\r\n")
        try:
            if not self.parse_request():
                return None
        finally:
            self.rfile = wire
        if self.request_version not in ("HTTP/1.0", "HTTP/1.1"):
            raise ApiError(400, "HTTP/1.1 is spoken here")
        self.close_connection = self.close_connection or self.request_version == "HTTP/1.0"
        hosts = self.headers.get_all("Host", [])
        if len(hosts) > 1 or (not hosts and self.request_version == "HTTP/1.1"):
            raise ApiError(400, "one Host header is needed")
        names = {name.lower() for name in self.headers}
        headers = {name: ", ".join(map(str, self.headers.get_all(name, []))) for name in names}
        return Request(self.command, self.path, headers, self._body())

    def _head(self) -> list[bytes]:
        """Read the lines of the next head, without the empty line at its end; an empty list if the client has gone."""
        lines: list[bytes] = []
        left = self.server.limits.head_bytes
        while True:
            line = self.rfile.readline(left + 1)
            left -= len(line)
            if left < 0:
                raise ApiError(431 if lines else 414, "the request's head is too long")
            if not line.endswith(b"\n"):
                return []
            if line not in (b"\r\n", b"\n"):
                lines.append(line)
            elif lines:
                return lines

    def _body(self) -> bytes:
        if "Transfer-Encoding" in self.headers:
            raise ApiError(411, "a body needs a Content-Length; chunked ones are not taken")
        lengths = self.headers.get_all("Content-Length", ["0"])
        if len(lengths) > 1 or not re.fullmatch(r"[0-9]{1,18}", lengths[0]):
            raise ApiError(400, "Content-Length must be one whole number")
        length, most = int(lengths[0]), self.server.limits.body_bytes
        if length > most:
            raise ApiError(413, f"a body has {most} bytes at most")
        if not length:
            return b""
        if self._expects_100:
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._wire.end_in(self.server.limits.read_seconds)
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionError("the client has gone")
        return body

    def handle_expect_100(self) -> bool:
        self._expects_100 = True  # `_body` answers, once it knows that the length is allowed
        return True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that cannot be read, then close: nobody knows where the next request would begin."""
        status = 400 if code >= 500 else int(code)
        self.close_connection = True
        self._send(error_answer(status, message if status == code and message else "the request is malformed"))
        self._linger()

    def _send(self, answer: Answer) -> None:
        self.close_connection = self.close_connection or self.server.stopping
        self.connection.settimeout(self.server.limits.write_seconds)
        self.wfile.write(_encoded(answer, self.command, close=self.close_connection))

    def _linger(self) -> None:
        """Read what the client still sends, for a moment: unread bytes at the close would reset the connection, and the
        client might not see the answer.
        """
        self._wire.end_in(_LINGER_SECONDS)
        left = _LINGER_BYTES
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            while left > 0 and (read := len(self.rfile.read1(64 * 1024))):
                left -= read


class _Wire(io.RawIOBase):
    """A raw stream that reads from a socket until a deadline."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._deadline = 0.0

    def end_in(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("too slow")
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


def _encoded(answer: Answer, method: str, *, close: bool) -> bytes:
    has_body = answer.status not in (204, 304)
    phrase = HTTPStatus(answer.status).phrase
    headers = {"Date": formatdate(usegmt=True), **answer.headers}
    if has_body:
        headers |= {"Content-Type": answer.content_type, "Content-Length": str(len(answer.body))}
    if close:
        headers["Connection"] = "close"
    lines = [f"HTTP/1.1 {answer.status} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    return head + answer.body if has_body and method != "HEAD" else head
