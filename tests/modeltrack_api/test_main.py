"""Test the API as a process of its own."""

import json
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from bench.events import lines
from modeltrack_api.__main__ import open_doors
from modeltrack_api.app import utc_now
from modeltrack_api.store.measures import MEASURES
from tests import ROOT
from tests.modeltrack_api.serving import TOKEN, settings

KILLS = 20


def environment(data: Path, **more: str) -> dict[str, str]:
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return keep | {"DATA_DIR": str(data), "PORT": "0"} | more


def start(data: Path, *command: str, **more: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, *(command or ("-m", "modeltrack_api"))],
        cwd=ROOT,
        env=environment(data, **more),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def address(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    line = process.stdout.readline()
    found = re.fullmatch(r"ModelTrack API on (http://127\.0\.0\.1:\d+)\n", line)
    assert found, (line, process.poll())
    return found[1]


def data_of(url: str) -> dict[str, object]:
    """Return the data of an answer. Ask again while it is 503: on a busy machine it takes long to read the log."""
    for _ in range(10):
        try:
            with urlopen(url, timeout=30) as response:
                return json.loads(response.read(), parse_float=Decimal)["data"]
        except HTTPError as error:
            error.close()
            if error.code != 503:
                raise
            threading.Event().wait(float(error.headers["Retry-After"]))
    raise TimeoutError(url)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    ("setting", "value", "line"),
    [
        ("PORT", "http", "PORT: 'http' is not allowed: must be a whole number, from 0 to 65535"),
        ("API_TOKEN", "short", "API_TOKEN: '***' is not allowed: must be at least 8 characters, without white space"),
        ("SLACK_WEBHOOK_URL", "hooks", "SLACK_WEBHOOK_URL: '***' is not allowed: must be empty, or a URL such as"),
    ],
)
def test_a_bad_setting_ends_the_start_with_one_line(tmp_path: Path, setting: str, value: str, line: str) -> None:
    code, out, err = ended(start(tmp_path, **{setting: value}))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(line)
    assert list(tmp_path.iterdir()) == []


def test_what_else_hinders_the_start_is_one_line_too(tmp_path: Path, taken_port: int) -> None:
    bad_budgets, no_database, newer = (tmp_path / name for name in ("a", "b", "c"))
    for folder in (bad_budgets, no_database, newer):
        folder.mkdir()
    (bad_budgets / "budgets.json").write_text('{"budgets": 1}')
    (no_database / "modeltrack.db").write_text("hello" * 100)
    db = sqlite3.connect(newer / "modeltrack.db")
    db.execute("PRAGMA user_version = 99")
    db.close()
    processes = {
        start(bad_budgets): "budgets.json: budgets: must be a valid array",
        start(no_database): f"{no_database / 'modeltrack.db'}: file is not a database",
        start(newer): f"{newer / 'modeltrack.db'} was made by a later version of ModelTrack (schema 99)",
        start(tmp_path / "d", PORT=str(taken_port)): f"API_HOST 127.0.0.1, PORT {taken_port}: Address already in use",
    }
    for process, line in processes.items():
        assert ended(process) == (1, "", line + "\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly(tmp_path: Path, number: int) -> None:
    process = start(tmp_path, API_TOKEN=TOKEN)
    with socket.create_connection(("127.0.0.1", int(address(process).rpartition(":")[2]))):
        process.send_signal(number)
        code, out, err = ended(process)
    assert (code, out) == (0, "")
    assert "Traceback" not in err and TOKEN not in err
    assert not (tmp_path / "modeltrack.db-wal").exists()


def test_the_folder_of_the_log_may_come_later_and_nothing_is_written_to_it(tmp_path: Path) -> None:
    folder, log = tmp_path / "later" / "data", tmp_path / "later" / "data" / "cost_events.jsonl"
    process = start(folder, DB_PATH=str(tmp_path / "db" / "modeltrack.db"))
    url = address(process)
    assert data_of(f"{url}/api/spend/summary")["total_requests"] == 0
    folder.mkdir(parents=True)
    log.write_bytes(next(lines(1, utc_now())) + b"\n")
    assert data_of(f"{url}/api/spend/summary")["total_requests"] == 1
    process.terminate()
    assert ended(process)[0] == 0
    assert list(folder.iterdir()) == [log]


def test_listening_beyond_this_machine_without_a_token_is_warned_of(tmp_path: Path) -> None:
    process = start(tmp_path, API_HOST="0.0.0.0")
    assert process.stdout and process.stdout.readline().startswith("ModelTrack API on http://0.0.0.0:")
    process.terminate()
    assert "set API_TOKEN" in ended(process)[2]


def expected(log: Path) -> tuple[int, Decimal, dict[str, Decimal]]:
    """Return requests, cost and cost by team, summed up from the text of the log."""
    events = [json.loads(line, parse_float=Decimal) for line in log.read_bytes().splitlines()]
    by_team: dict[str, Decimal] = {}
    for event in events:
        team = event.get("team", "")
        by_team[team] = by_team.get(team, Decimal(0)) + Decimal(event["cost_usd"] or 0)
    return len(events), sum(by_team.values(), Decimal(0)), by_team


# Starts an API for each line that it reads, and prints its pid. It is quick, since everything is imported already.
_FORKS = """
import os, sys
from modeltrack_api.__main__ import main
for _ in sys.stdin:
    pid = os.fork()
    if not pid:
        os._exit(main())
    print(pid, flush=True)
    os.waitpid(pid, 0)
"""


def test_killed_at_random_moments_of_reading_it_counts_everything_once(tmp_path: Path) -> None:
    rng = random.Random(20)
    log = tmp_path / "cost_events.jsonl"
    made = list(lines(40_000, utc_now(), days=30, seed=20))
    share = len(made) // KILLS
    forks = start(tmp_path, "-c", _FORKS)
    assert forks.stdin and forks.stdout
    pause = threading.Event()
    kept = []
    for n in range(KILLS):
        with log.open("ab") as file:
            file.write(b"".join(line + b"\n" for line in made[n * share : (n + 1) * share]))
        forks.stdin.write("\n")
        forks.stdin.flush()
        said = [forks.stdout.readline() for _ in range(2)]
        pause.wait(rng.uniform(0, 0.15))
        os.kill(next(int(line) for line in said if line.strip().isdigit()), signal.SIGKILL)
        db = sqlite3.connect(tmp_path / "modeltrack.db")
        kept.append(db.execute("SELECT count(*) FROM events").fetchone()[0])
        db.close()
    ended(forks)
    assert kept == sorted(kept)
    assert any(count < (n + 1) * share for n, count in enumerate(kept)), "none was killed before it was through"

    process = start(tmp_path)
    summary = data_of(f"{address(process)}/api/spend/summary")
    process.terminate()
    assert ended(process)[0] == 0
    requests, cost, by_team = expected(log)
    assert (summary["total_requests"], summary["total_spend"]) == (requests, cost) == (40_000, cost)
    assert summary["by_team"] == by_team
    db = sqlite3.connect(tmp_path / "modeltrack.db")
    columns = ", ".join(f"sum({name})" for name in MEASURES)
    of_facts, *of_tables = (
        db.execute(f"SELECT {columns} FROM {table}").fetchone() for table in ("facts", "hourly", "daily")
    )
    db.close()
    assert of_tables == [of_facts, of_facts]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            {},
            "open to this machine on http://x:1 (API_HOST); calls: for everybody (API_TOKEN);"
            " web pages: only its own (ALLOWED_ORIGINS)",
        ),
        (
            {"host": "0.0.0.0", "token": TOKEN, "allowed_origins": ("https://a.b",)},
            "open to the network on http://x:1 (API_HOST); calls: with the token (API_TOKEN);"
            " web pages: also of https://a.b (ALLOWED_ORIGINS)",
        ),
    ],
)
def test_one_line_says_what_is_open_to_whom(tmp_path: Path, more: dict[str, Any], expected: str) -> None:
    assert open_doors(settings(tmp_path, **more), "http://x:1") == expected


def test_the_line_is_logged_at_the_start_and_shows_no_token(tmp_path: Path) -> None:
    (file := tmp_path / "token").write_text(TOKEN + "\n")
    process = start(tmp_path, API_TOKEN_FILE=str(file), ALLOWED_ORIGINS="https://a.b")
    url = address(process)
    with pytest.raises(HTTPError) as error:
        urlopen(url + "/api/health", timeout=30)
    error.value.close()
    process.send_signal(signal.SIGTERM)
    _, _, err = ended(process)
    assert error.value.code == 401 and f"open to this machine on {url} (API_HOST); calls: with the token" in err
    assert "also of https://a.b" in err and TOKEN not in err
