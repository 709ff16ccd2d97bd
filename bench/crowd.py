"""Measure calls beside clients that only take up room: `python -m bench.crowd`.

In turns: the calls alone; beside connections that say nothing and such as never end a head; beside uploads that are
refused. Uploads come from a process of their own: `python -m bench.crowd URL MB`, which sends so many MB a second.
"""

import contextlib
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from bench import throughput
from bench.delays import percentile
from bench.load import request
from bench.targets import modeltrack, provider, resident_mb, write_settings

_CLIENTS, _SIZE = 16, 1000
_UPLOAD = 4 * 2**20
_LIMIT = 2 * 2**20
"""MAX_REQUEST_BYTES of the proxy that is measured: half of an upload."""
_PIECE = 64 * 1024


@dataclass
class Row:
    name: str
    latencies: list[list[float]] = field(default_factory=list)
    """Seconds, by round."""
    rates: list[float] = field(default_factory=list)
    resident: float = 0.0

    def milliseconds(self, percent: float) -> float:
        return median(percentile(each, percent) * 1000 for each in self.latencies)


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 80


@contextmanager
def standing(url: str, idle: int, half_open: int) -> Iterator[None]:
    """Hold connections open that say nothing, and such as have begun a head."""
    with contextlib.ExitStack() as stack:
        for number in range(idle + half_open):
            made = stack.enter_context(socket.create_connection(_address(url)))
            if number >= idle:
                made.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: bench\r\nX-Slow: ")
        yield


@contextmanager
def uploading(url: str, megabytes: float) -> Iterator[None]:
    command = [sys.executable, "-m", "bench.crowd", url, str(megabytes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()  # it has begun
        try:
            yield
        finally:
            process.terminate()


def upload(url: str, megabytes: float) -> None:
    """Send bodies that are too long, one after another, until this process is ended."""
    head = request(throughput.PATH, b"").replace(b"Content-Length: 0", b"Content-Length: %d" % _UPLOAD)
    began, sent = time.monotonic(), 0
    print("begun", flush=True)
    while True:
        with contextlib.suppress(OSError), socket.create_connection(_address(url), timeout=60) as connection:
            connection.sendall(head)
            for _ in range(_UPLOAD // _PIECE):
                connection.sendall(b"x" * _PIECE)
                sent += _PIECE
                time.sleep(max(0.0, began + sent / 2**20 / megabytes - time.monotonic()))
            connection.recv(65536)
        sent += 1024  # whoever is refused at once is not to try without end
        time.sleep(max(0.0, began + sent / 2**20 / megabytes - time.monotonic()))


def measure(
    folder: Path, upstream: str, idle: int, half_open: int, megabytes: float, seconds: float, rounds: int
) -> Iterator[Row]:
    """Yield what was measured of the calls alone, of those beside each crowd, and of the calls alone after it."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    write_settings(folder)
    post = throughput.prepared(_SIZE)

    with modeltrack(folder, upstream, "--set", f"modeltrack_max_request_bytes={_LIMIT}") as target:
        throughput.run(target, throughput.all_different(post), _CLIENTS, 2 * seconds)
        alone = Row("alone, before", resident=resident_mb(target.pid))
        standing_row = Row(f"beside {idle:,} idle and {half_open:,} half-open connections")
        uploads_row = Row(f"beside {megabytes:g} MB/s of uploads that are refused")
        after = Row("alone, afterwards")

        def take(row: Row, crowd: AbstractContextManager[None]) -> None:
            with crowd:
                result = throughput.run(target, throughput.all_different(post), _CLIENTS, seconds)
                row.resident = row.resident if row is alone else max(row.resident, resident_mb(target.pid))
            row.latencies.append(result.latencies)
            row.rates.append(result.rate)

        for _ in range(rounds):
            take(alone, nullcontext())
            take(standing_row, standing(target.url, idle, half_open))
            take(uploads_row, uploading(target.url, megabytes))
        for _ in range(rounds):
            take(after, nullcontext())
        after.resident = resident_mb(target.pid)
        yield from (alone, standing_row, uploads_row, after)


def report(rows: Iterator[Row]) -> None:
    print(f"{_CLIENTS} clients, misses of 1 KB; the medians of the rounds\n")
    print("| | rate | p50 | p99 | p99 beside alone | resident |\n|---|--:|--:|--:|--:|--:|")
    first: Row | None = None
    for row in rows:
        first = first or row
        p50, p99 = row.milliseconds(50), row.milliseconds(99)
        print(
            f"| {row.name} | {median(row.rates):.0f}/s | {p50:.1f} ms | {p99:.1f} ms"
            f" | {p99 / first.milliseconds(99):.2f}x | {row.resident:.0f} MB |",
            flush=True,
        )


def main() -> None:
    if len(sys.argv) > 2:
        upload(sys.argv[1], float(sys.argv[2]))
    with tempfile.TemporaryDirectory() as name, provider("--no-record") as upstream:
        report(measure(Path(name), upstream.url, 2000, 500, 20, 3, 5))


if __name__ == "__main__":
    main()
