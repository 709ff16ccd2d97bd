"""Test that the log is read into the database once, by any number of readers, and that the sums are right."""

import json
import random
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.ledger.money import logged_nanos
from bench.events import lines
from modeltrack_api.app import utc_now
from modeltrack_api.store import ingest as ingest_module
from modeltrack_api.store.connections import Store
from modeltrack_api.store.ingest import Ingest
from modeltrack_api.store.measures import LABELS
from modeltrack_api.store.sums import totals
from modeltrack_api.utc import ALWAYS
from tests import ROOT
from tests.modeltrack_api.serving import append, event
from tests.modeltrack_api.store.reading import caught_up, ids, named, sums


def test_what_is_appended_is_read_once(store: Store, log: Path, ingest: Ingest) -> None:
    caught_up(store, ingest)
    append(log, *named("a", "b"))
    caught_up(store, ingest, "a", "b")
    caught_up(store, ingest, "a", "b")
    append(log, *named("c"))
    caught_up(store, ingest, "a", "b", "c")
    assert (ingest.position, ingest.behind_bytes()) == (log.stat().st_size, 0)
    append(log, *named("d"))
    assert ingest.behind()
    assert ingest.behind_bytes() == log.stat().st_size - ingest.position > 0


def test_another_start_goes_on_where_the_last_one_was(store: Store, log: Path, ingest: Ingest) -> None:
    append(log, *named("a"))
    caught_up(store, ingest, "a")
    append(log, *named("b"))
    read: list[int] = []
    assert Ingest(store, log).catch_up(progress=lambda lines, *_: read.append(lines))
    assert read == [1]
    assert ids(store) == ["a", "b"]


def test_a_line_that_is_not_complete_waits_for_its_end(store: Store, log: Path, ingest: Ingest) -> None:
    [line] = [orjson.dumps(item) for item in named("b")]
    append(log, *named("a"))
    for part in (line[:50], line[50:]):
        with log.open("ab") as file:
            file.write(part)
        caught_up(store, ingest, "a")
    with log.open("ab") as file:
        file.write(b"\n")
    caught_up(store, ingest, "a", "b")
    assert ingest.skipped == 0


def test_lines_that_are_no_events_are_counted_and_passed(store: Store, log: Path, ingest: Ingest) -> None:
    junk = [b"{", b"null", b"[]", b"7", b"\xff\xfe", b'{"event_id": "x"}', b'{"event_id": "x", "timestamp": "soon"}']
    junk += [b'{"event_id": 7, "timestamp": "2026-01-01T00:00:00Z"}', b'{"event_id": "x", "timestamp": "1969-01-01"}']
    append(log, *named("a"))
    with log.open("ab") as file:
        file.write(b"\n" + b"".join(line + b"\n" for line in junk))
    append(log, *named("b"))
    caught_up(store, ingest, "a", "b")
    assert ingest.skipped == len(junk)


def test_fields_of_other_types_are_as_if_they_were_missing(store: Store, log: Path, ingest: Ingest) -> None:
    odd = {name: [1] for name in ("team", "session_id", "error", "cost_usd", "input_tokens", "ttft_ms", "cache_hit")}
    large = {"input_tokens": 10**30, "output_tokens": 2**62, "cost_usd": 1e300, "latency_ms": -(2**63), "team": 1}
    append(log, *named("a", **odd), *named("b", **large), *named("c", cost_usd=True, status_code="200"))
    caught_up(store, ingest, "a", "b", "c")
    for row in store.writer.execute("SELECT cost_nanos, input_tokens, ttft_ms, cache_hit FROM events WHERE id < 3"):
        assert row == (None, 0, None, 0)


def test_a_file_with_the_same_events_adds_nothing(store: Store, log: Path, ingest: Ingest) -> None:
    append(log, *named("a", "b"))
    caught_up(store, ingest, "a", "b")
    log.with_name("cost_events.jsonl.7").write_bytes(log.read_bytes())
    append(log, *named("b", "c"))
    assert Ingest(store, log).catch_up()
    caught_up(store, ingest, "a", "b", "c")


# Several at once


def test_time_that_runs_out_ends_the_reading_between_batches(
    store: Store, log: Path, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_module, "_BATCH_LINES", 2)
    append(log, *named("a", "b", "c", "d", "e"))
    told: list[tuple[int, int, int]] = []
    results = [ingest.catch_up(until=0, progress=lambda *state: told.append(state)) for _ in range(3)]
    assert results == [False, False, True]
    size = log.stat().st_size
    assert told == [(2, size * 2 // 5, size), (2, size * 4 // 5, size), (1, size, size)]
    caught_up(store, ingest, "a", "b", "c", "d", "e")


def test_a_batch_that_fails_leaves_no_trace(
    store: Store, log: Path, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(log, *named("a"))
    with monkeypatch.context() as patch:
        patch.setattr(ingest_module, "ROLL_UPS", ("SELECT no_such_column, ?",))
        with pytest.raises(ingest_module.sqlite3.OperationalError):
            ingest.catch_up()
    assert store.writer.execute("SELECT count(*) FROM series").fetchone() == (0,)
    caught_up(store, ingest, "a")
    assert store.writer.execute("SELECT count(*) FROM series").fetchone() == (1,)


def test_threads_that_ask_at_once_each_see_all_that_was_there(store: Store, log: Path, ingest: Ingest) -> None:
    missing: list[str] = []
    writing = threading.Lock()

    def ask(worker: int) -> None:
        for n in range(20):
            name = f"{worker}-{n}"
            with writing:
                append(log, *named(name))
            ingest.catch_up()
            with store.reading() as db:
                if not db.execute("SELECT 1 FROM events WHERE event_id = ?", (name.encode(),)).fetchone():
                    missing.append(name)

    threads = [threading.Thread(target=ask, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert missing == []
    assert len(ids(store)) == 80


_PROCESS = """
import sys
from pathlib import Path
from modeltrack_api.store.ingest import Ingest
from modeltrack_api.store.connections import Store
store = Store(Path(sys.argv[1]))
store.open()
sys.stdin.read()
Ingest(store, Path(sys.argv[2])).catch_up()
"""


def test_two_processes_that_read_one_log_into_one_database_count_it_once(tmp_path: Path, log: Path) -> None:
    log.write_bytes(b"".join(line + b"\n" for line in lines(30_000, utc_now(), days=3)))
    command = [sys.executable, "-c", _PROCESS, str(tmp_path / "modeltrack.db"), str(log)]
    processes = [subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE) for _ in range(3)]
    for process in processes:
        assert process.stdin
        process.stdin.close()
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    store = Store(tmp_path / "modeltrack.db")
    store.open()
    assert store.writer.execute("SELECT count(*) FROM events").fetchone() == (30_000,)
    of_facts, *of_tables = sums(store)
    assert of_tables == [of_facts] * 3
    store.close()


# Money


def exact(log: Path) -> dict[str, Decimal]:
    """Cost by team, summed from the text of the log."""
    found: dict[str, Decimal] = {}
    for line in log.read_text().splitlines():
        item = json.loads(line, parse_float=Decimal)
        team = item.get("team", "")
        found[team] = found.get(team, Decimal(0)) + Decimal(item["cost_usd"] or 0)
    return found


def test_sums_equal_those_of_the_log_to_the_nano_dollar(store: Store, log: Path, ingest: Ingest) -> None:
    log.write_bytes(b"".join(line + b"\n" for line in lines(3000, utc_now(), seed=5)))
    ingest.catch_up()
    with store.reading() as db:
        found = {row["team"]: Decimal(row["cost_nanos"]).scaleb(-9) for row in totals(db, ALWAYS, by=["team"])}
    assert found == exact(log)
    assert len(found) == 5


@given(st.integers(-(10**16) + 100, 10**16 - 100))
def test_money_in_the_log_is_read_to_the_nano_dollar(nanos: int) -> None:
    # A JSON number has 15 digits that are sure.
    nanos = nanos if abs(nanos) < 10**15 else nanos // 100 * 100
    assert logged_nanos(orjson.loads(format(Decimal(nanos).scaleb(-9), "f"))) == nanos


def test_events_in_any_order_make_the_same_sums(tmp_path: Path) -> None:
    events = list(lines(2000, utc_now(), days=10, seed=3))
    found = []
    for seed in range(2):
        folder = tmp_path / str(seed)
        random.Random(seed).shuffle(events)
        store = Store(folder / "modeltrack.db")
        store.open()
        log = folder / "cost_events.jsonl"
        for n in range(0, 2000, 400):
            with log.open("ab") as file:
                file.write(b"".join(line + b"\n" for line in events[n : n + 400]))
            Ingest(store, log).catch_up()
        tables = ("hourly", "daily", "callers_daily", "prompts_daily")
        rows = [
            store.writer.execute(
                f"SELECT t.*, {', '.join(LABELS)} FROM {table} t JOIN series ON series.id = series"
            ).fetchall()
            for table in tables
        ]
        columns = [[c[1] for c in store.writer.execute(f"PRAGMA table_info({table})")] for table in tables]
        numbered = [names.index("series") for names in columns]
        found.append([sorted((*r[:at], *r[at + 1 :]) for r in part) for part, at in zip(rows, numbered, strict=True)])
        found[-1].append(sorted(store.writer.execute("SELECT * FROM sessions")))
        store.close()
    assert found[0] == found[1]


def test_a_link_that_takes_the_logs_place_is_not_read(store: Store, log: Path, ingest: Ingest, tmp_path: Path) -> None:
    append(log, event())
    assert ingest.catch_up()
    log.rename(tmp_path / "theirs")
    log.symlink_to(tmp_path / "theirs")
    append(tmp_path / "theirs", event())
    for _ in range(2):
        with pytest.raises(OSError, match="is a symbolic link"):
            ingest.catch_up()
    log.unlink()
    assert ingest.catch_up() and ingest.behind_bytes() == 0
