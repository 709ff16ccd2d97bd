"""Measure the API with a log of many events: `python -m bench.api [events] [seconds]`.

First it measures how fast the log is read at the start, beside `wc -l` and beside a plain loop that parses each line
and inserts it into one bare table. Then it measures every GET route with its default parameters, while a writer appends
to the log and the API keeps up; and the API's memory.
"""

import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from addons.ledger.events import LOG_NAME
from bench.events import lines
from modeltrack_api.routes import ROUTES

APPENDED_A_SECOND = 200
ROUND = 20


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 60
    with tempfile.TemporaryDirectory(prefix="modeltrack-bench-") as folder:
        run(Path(folder), count, seconds)


def run(folder: Path, count: int, seconds: float) -> None:
    log = folder / LOG_NAME
    with log.open("wb") as file:
        file.writelines(line + b"\n" for line in lines(count, datetime.now(UTC)))
    size = log.stat().st_size
    print(f"{count:,} events, {size / 1e6:,.0f} MB; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")

    def told(name: str, work: Callable[[], object]) -> None:
        began = time.perf_counter()
        work()
        taken = time.perf_counter() - began
        print(f"{name:34} {taken:8.1f} s {count / taken:12,.0f} events/s {size / taken / 1e6:8.1f} MB/s", flush=True)

    told("wc -l", lambda: subprocess.run(["wc", "-l", log], check=True, stdout=subprocess.DEVNULL))
    told("plain loop: parse and insert", lambda: plain(log, folder / "plain.db"))
    (folder / "plain.db").unlink()
    process, url = start(folder)
    try:
        told("first reading by the API", lambda: wait_until_ready(url))
        print(f"database {(folder / 'modeltrack.db').stat().st_size / 1e6:,.0f} MB, memory {memory(process.pid)}")
        measure(url, log, seconds)
        print(f"memory {memory(process.pid)}; load average {os.getloadavg()[0]:.1f}")
    finally:
        process.terminate()
        process.wait(20)


def plain(log: Path, path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute(
        "CREATE TABLE events (id TEXT, ts TEXT, team TEXT, model TEXT, cost REAL, tokens_in INT, tokens_out INT)"
    )
    names = ("event_id", "timestamp", "team", "model", "cost_usd", "input_tokens", "output_tokens")
    with log.open("rb") as file:
        rows = (tuple(map(orjson.loads(line).get, names)) for line in file)
        db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    db.commit()
    db.close()


def start(folder: Path) -> tuple[subprocess.Popen[str], str]:
    environ = os.environ | {"DATA_DIR": str(folder), "PORT": "0", "DB_PATH": str(folder / "modeltrack.db")}
    for name in ("API_TOKEN", "API_TOKEN_FILE"):
        environ.pop(name, None)
    command = [sys.executable, "-m", "modeltrack_api"]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    return process, process.stdout.readline().rpartition(" ")[2].strip()


def ask(connection: HTTPConnection, path: str) -> tuple[int, bytes]:
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read()


def wait_until_ready(url: str) -> None:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
    while ask(connection, "/api/cache")[0] == 503:
        pass  # the API itself waits for seconds before it answers 503
    connection.close()


def measure(url: str, log: Path, seconds: float) -> None:
    """Ask every route in turn, from one client, until the time is over. Print how long the answers took."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
    paths = defaults(connection)
    times: dict[str, list[float]] = {path: [] for path in paths}
    sizes: dict[str, int] = {}
    stop = threading.Event()
    writer = threading.Thread(target=append, args=(log, stop))
    writer.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(times[paths[0]]) < ROUND:
        for path in paths:
            began = time.perf_counter()
            status, body = ask(connection, path)
            times[path].append(time.perf_counter() - began)
            sizes[path] = len(body)
            if status != 200:
                raise SystemExit(f"{path}: {status} {body[:200]!r}")
    stop.set()
    writer.join()
    connection.close()
    print(f"\n{APPENDED_A_SECOND} events/s appended; {len(times[paths[0]])} requests of each route\n")
    print(f"{'GET':44} {'p50 ms':>8} {'p95 ms':>8} {'max ms':>8} {'bytes':>9}")
    for path, taken in times.items():
        taken.sort()
        p50, p95 = (taken[int(len(taken) * part)] * 1000 for part in (0.5, 0.95))
        print(f"{path:44} {p50:8.1f} {p95:8.1f} {taken[-1] * 1000:8.1f} {sizes[path]:9,}")


def defaults(connection: HTTPConnection) -> list[str]:
    """Return the path of each GET route. A name in a path is the first one in the answer of the route's list."""
    paths = []
    for route in ROUTES:
        if route.method != "GET" or route.path == "/":
            continue
        path = route.path
        if "{" in path:
            listed = orjson.loads(ask(connection, path.rpartition("/")[0])[1])["data"]
            path = path.rpartition("/")[0] + "/" + next(iter(listed[0].values()))
        paths.append(path)
    return paths


def append(log: Path, stop: threading.Event) -> None:
    made = lines(1_000_000, datetime.now(UTC), days=1, seed=2)
    with log.open("ab", buffering=0) as file:
        while not stop.wait(1 / APPENDED_A_SECOND):
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()
            file.write(re.sub(rb'"timestamp":"[^"]*"', b'"timestamp":"' + now + b'"', next(made)) + b"\n")


def memory(pid: int) -> str:
    status = Path(f"/proc/{pid}/status").read_text()
    peak, now = (re.search(rf"{name}:\s+(\d+)", status) for name in ("VmHWM", "VmRSS"))
    return f"{int(now[1]) / 1024:.0f} MiB (peak {int(peak[1]) / 1024:.0f})" if now and peak else "unknown"


if __name__ == "__main__":
    main()
