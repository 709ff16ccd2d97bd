"""Open the database: one connection that writes, and others that read."""

import os
import queue
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from addons.ledger.private_files import open_private
from modeltrack_api.store.schema import MIGRATIONS

_BUSY_SECONDS = 30
_WRITER_CACHE_KIB, _READER_CACHE_KIB = 64 * 1024, 8 * 1024
"""A reader's cache is small, because each commit empties it: where events come in it serves one answer."""
_KEPT_READERS = 8


class NewerDatabase(ValueError):
    """The database was made by a later version of ModelTrack."""


class Busy(Exception):
    """Others have been writing for as long as the caller was willing to wait."""


class _Lock(Protocol):
    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool: ...

    def release(self) -> None: ...


@contextmanager
def held(lock: _Lock, patience: float) -> Iterator[None]:
    """Hold the lock. Wait `patience` seconds for it, or where that is below 0 as long as it takes. Raises Busy."""
    if not lock.acquire(timeout=patience):
        raise Busy("the database is busy with the event log")
    try:
        yield
    finally:
        lock.release()


class Store:
    """The database, for one writer at a time and any number of readers. A reader sees it as it is when it begins."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._readers: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue(_KEPT_READERS)

    def open(self) -> None:
        """Make the database, or bring it up to date. Raises OSError, sqlite3.Error, NewerDatabase."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._make_private()
        self.writer = self._connect(_WRITER_CACHE_KIB)
        try:
            self._migrate()
        except BaseException:
            self.writer.close()
            raise

    def _make_private(self) -> None:
        """Make the database's file before SQLite does, which would let everybody read it. Its side files get its mode.

        This must come before the first connection: closing a file drops the locks that the process has on it.
        """
        os.close(open_private(self.path, os.O_RDWR | os.O_CREAT))
        for suffix in ("-wal", "-shm", "-journal"):  # left by an earlier version
            with suppress(FileNotFoundError):
                os.close(open_private(self.path.with_name(self.path.name + suffix), os.O_RDWR))

    def _migrate(self) -> None:
        self._use_wal()
        with self.writing() as db:
            [version] = db.execute("PRAGMA user_version").fetchone()
            if version > len(MIGRATIONS):
                raise NewerDatabase(f"{self.path} was made by a later version of ModelTrack (schema {version})")
            for number, migration in enumerate(MIGRATIONS[version:], version + 1):
                for statement in _statements(migration):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {number}")

    def _use_wal(self) -> None:
        """Switch to write-ahead logging. Where two processes do so at once SQLite does not wait, so wait here."""
        until = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                self.writer.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
            time.sleep(0.01)

    def _connect(self, cache_kib: int) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA synchronous = NORMAL")  # a power cut may undo the last commits; the log has their events
            db.execute(f"PRAGMA cache_size = -{cache_kib}")
        except BaseException:
            db.close()
            raise
        return db

    @contextmanager
    def writing(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """Run a transaction on the one writing connection. Only one thread may do so at a time (see `Ingest.lock`).

        With `durable` it outlasts a power cut; that is for what cannot be read from the log again.
        """
        db = self.writer
        db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:  # a full disk ends the transaction by itself, a COMMIT that fails may not
                db.execute("ROLLBACK")
            raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that sees one state of the database throughout. Its rows are sqlite3.Row."""
        try:
            db = self._readers.get_nowait()
        except queue.Empty:
            db = self._connect(_READER_CACHE_KIB)
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA query_only = ON")
        db.execute("BEGIN")
        try:
            yield db
        finally:
            db.execute("ROLLBACK")
            try:
                self._readers.put_nowait(db)
            except queue.Full:
                db.close()

    def close(self) -> None:
        while not self._readers.empty():
            self._readers.get_nowait().close()
        self.writer.close()


def _statements(script: str) -> Iterator[str]:
    """Split a script into its statements. `executescript` would commit the transaction that it is run in."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
