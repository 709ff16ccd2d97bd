import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modeltrack_api.store import connections as store_module
from modeltrack_api.store.connections import NewerDatabase, Store
from modeltrack_api.store.schema import MIGRATIONS


def opened(path: Path) -> Store:
    store = Store(path)
    store.open()
    return store


def version(path: Path) -> int:
    db = sqlite3.connect(path)
    [found] = db.execute("PRAGMA user_version").fetchone()
    db.close()
    return int(found)


def test_a_new_database_is_made_with_its_folder_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "new" / "modeltrack.db"
    opened(path).close()
    assert version(path) == len(MIGRATIONS)
    store = opened(path)
    store.writer.execute("INSERT INTO log_files VALUES (1, 2, x'', 3)")
    store.close()
    store = opened(path)
    assert store.writer.execute("SELECT offset FROM log_files").fetchone() == (3,)
    store.close()


def test_an_older_database_gets_what_came_since(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "modeltrack.db"
    opened(path).close()
    more = ("CREATE TABLE later (a INTEGER) STRICT;\nINSERT INTO later VALUES (1);\n",)
    monkeypatch.setattr(store_module, "MIGRATIONS", MIGRATIONS + more)
    for _ in range(2):
        store = opened(path)
        assert store.writer.execute("SELECT a FROM later").fetchall() == [(1,)]
        store.close()
    assert version(path) == len(MIGRATIONS) + 1


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "modeltrack.db"
    opened(path).close()
    monkeypatch.setattr(store_module, "MIGRATIONS", (*MIGRATIONS, "CREATE TABLE later (a);\nnonsense;\n"))
    with pytest.raises(sqlite3.OperationalError):
        opened(path)
    monkeypatch.undo()
    assert version(path) == len(MIGRATIONS)
    store = opened(path)
    assert store.writer.execute("SELECT name FROM sqlite_schema WHERE name = 'later'").fetchone() is None
    store.close()


def test_a_database_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "modeltrack.db"
    opened(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(NewerDatabase, match=r"modeltrack\.db was made by a later version of ModelTrack \(schema 99\)"):
        opened(path)
    assert version(path) == 99


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "modeltrack.db"
    path.write_bytes(b"hello" * 1000)
    with pytest.raises(sqlite3.DatabaseError):
        opened(path)
    assert path.read_bytes() == b"hello" * 1000


def test_one_reader_sees_one_state_throughout(tmp_path: Path) -> None:
    store = opened(tmp_path / "modeltrack.db")
    with store.reading() as db:
        assert db.execute("SELECT count(*) FROM log_files").fetchone()[0] == 0
        with store.writing() as writer:
            writer.execute("INSERT INTO log_files VALUES (1, 2, x'', 3)")
        assert db.execute("SELECT count(*) FROM log_files").fetchone()[0] == 0
    with store.reading() as db:
        assert db.execute("SELECT count(*) FROM log_files").fetchone()["count(*)"] == 1
    store.close()


def test_readers_cannot_write(tmp_path: Path) -> None:
    store = opened(tmp_path / "modeltrack.db")
    with store.reading() as db, pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("DELETE FROM log_files")
    store.close()


def test_what_fails_is_not_written(tmp_path: Path) -> None:
    store = opened(tmp_path / "modeltrack.db")
    with pytest.raises(KeyError), store.writing() as db:
        db.execute("INSERT INTO log_files VALUES (1, 2, x'', 3)")
        raise KeyError
    assert store.writer.execute("SELECT count(*) FROM log_files").fetchone() == (0,)
    store.close()


def test_more_readers_than_are_kept_may_read_at_once(tmp_path: Path) -> None:
    store = opened(tmp_path / "modeltrack.db")
    barrier = threading.Barrier(20)
    found: list[int] = []

    def read() -> None:
        with store.reading() as db:
            barrier.wait(10)
            found.append(db.execute("SELECT count(*) FROM events").fetchone()[0])

    threads = [threading.Thread(target=read) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [0] * 20
    store.close()


def test_a_transaction_that_cannot_be_committed_is_undone_and_the_next_goes_on(tmp_path: Path) -> None:
    store = opened(tmp_path / "modeltrack.db")
    store.writer.execute("PRAGMA foreign_keys = ON")
    store.writer.execute("CREATE TABLE a (b REFERENCES series (id) DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(sqlite3.IntegrityError), store.writing() as db:
        db.execute("INSERT INTO a VALUES (1)")
    with store.writing() as db:
        assert db.execute("SELECT count(*) FROM a").fetchone() == (0,)
    store.close()


def test_an_error_that_has_ended_the_transaction_is_raised_itself(tmp_path: Path) -> None:
    store = opened(tmp_path / "modeltrack.db")
    with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"), store.writing() as db:
        db.execute("INSERT OR ROLLBACK INTO log_files VALUES (1, 2, NULL, 3)")
    store.close()


def test_a_new_database_may_be_opened_by_several_at_once(tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def opened(path: Path) -> None:
        together.wait(10)
        store = Store(path)
        store.open()
        store.close()

    with ThreadPoolExecutor(4) as threads:
        for n in range(30):
            list(threads.map(opened, [tmp_path / f"{n}.db"] * 4))


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(path: Path) -> set[int]:
    """Return the modes of the database and its side files, of which there must be two."""
    found = [stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob(path.name + "*")]
    assert len(found) == 3
    return set(found)


def test_the_database_and_its_side_files_are_not_for_everybody(tmp_path: Path, umask: int) -> None:
    store = opened(tmp_path / "modeltrack.db")
    with store.writing(), store.reading():
        assert modes(store.path) == {0o640 & ~umask}
    store.close()


def test_those_that_an_earlier_version_made_are_closed_too(tmp_path: Path) -> None:
    path = tmp_path / "modeltrack.db"
    before = sqlite3.connect(path, isolation_level=None)
    before.execute("PRAGMA journal_mode = WAL")
    before.execute("CREATE TABLE t (a)")
    for file in path.parent.glob(path.name + "*"):
        file.chmod(0o666)
    with pytest.raises(AssertionError):
        assert modes(path) == {0o640}
    store = opened(path)
    assert modes(path) == {0o640}
    assert store.writer.execute("SELECT * FROM t").fetchall() == []
    store.close()
    before.close()
