"""Append cost events to the log: JSON Lines, one event a line, several processes at once.

Each line goes out in one `write` with O_APPEND, so that lines of several writers do not mix. A line that was cut short
(kill -9, a full disk) is never truncated away, because another process may have appended since: a newline ends it, and
readers skip it. What cannot be written waits in memory, so that no answer to a client depends on the disk.
"""

import errno
import logging
import os
import stat
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path

from addons.ledger.private_files import open_private

logger = logging.getLogger(__name__)

_BATCH = 256 * 1024  # most bytes of waiting lines in one write, so that an append never waits long for the lock
_RECENT = 10_000  # most lines kept that may have to be written again


class EventLog:
    """One writer of the log. Its methods may be called from any thread.

    `append` never raises: what cannot be written is kept, in order, and written when it can be. The write after a
    failed one opens the file anew, which also helps where a directory went and came back.
    """

    def __init__(
        self,
        path: Path,
        *,
        fsync: str = "interval",
        max_pending: int = 100_000,
        max_pending_bytes: int = 64 * 2**20,
    ) -> None:
        """`fsync` is "always" (by `sync` and by `tick`), "interval" (by `tick`) or "never"."""
        self.path = path
        self._fsync = fsync
        self._max_pending = max_pending
        self._max_pending_bytes = max_pending_bytes
        self._lock = threading.Lock()
        self._sync_lock = threading.Lock()
        self._fd: int | None = None
        self._torn = False  # the file's last line lacks its newline
        self._unsynced = False
        self._pending: deque[bytes] = deque()
        self._pending_bytes = 0
        # Lines written since the last tick. They are written again if the file turns out to have been deleted.
        self._recent: deque[bytes] = deque(maxlen=_RECENT)
        self._dropped = 0
        self._opened = 0
        self._written = 0
        self._write_error: str | None = None
        self._sync_error: str | None = None

    @property
    def pending(self) -> int:
        """Return the number of events that wait in memory."""
        return len(self._pending)

    @property
    def dropped(self) -> int:
        """Return the number of events that were lost because too many waited.

        The newest are refused rather than the oldest dropped, so that the log has one gap, at its end.
        """
        return self._dropped

    @property
    def written(self) -> tuple[int, int]:
        """Return how often a file was opened, and how many bytes were written to the last one."""
        return self._opened, self._written

    @property
    def error(self) -> str | None:
        """Return why the last write or fsync failed ("No space left on device"); None once it works again."""
        return self._write_error or self._sync_error

    def open(self) -> None:
        """Make the directory and the file if need be, and end a torn last line. Raises OSError, also for a link."""
        with self._lock:
            self._open()
        self.flush_pending()

    def append(self, line: bytes) -> bool:
        """Write `line`, which has no newline in it. Return False when it waits in memory or was dropped."""
        data = line + b"\n"
        with self._lock:
            if self._is_full(len(data)):
                self._write_batch()
                if self._is_full(len(data)):
                    self._dropped += 1
                    return False
            self._pending.append(data)
            self._pending_bytes += len(data)
            self._write_batch()
            return not self._pending

    def flush_pending(self) -> int:
        """Try again to write what waits. Return the number of events that still wait."""
        written = True
        while written:
            with self._lock:  # not held between two batches, so that `append` gets its turn
                written = self._write_batch()
        return len(self._pending)

    def tick(self) -> None:
        """Call this once a second: it syncs, follows a file that was renamed or deleted, and writes what waits."""
        self.sync()
        with self._lock:
            if self._fd is not None:
                if not self._is_at_path(self._fd):
                    self._leave()
                    self._reopen()
                self._recent.clear()
        self.flush_pending()

    def close(self) -> None:
        """Write and sync what there is. It may be called twice; an `append` afterwards opens the file again."""
        self.tick()
        self.sync()
        with self._lock:
            self._leave()
        if self._pending:
            logger.warning("%s: %d events were not written: %s", self.path.name, self.pending, self._write_error)

    def _is_full(self, more: int) -> bool:
        too_many = len(self._pending) >= self._max_pending or self._pending_bytes + more > self._max_pending_bytes
        return too_many and bool(self._pending)

    def _open(self) -> int:
        if self._fd is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fd = open_private(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
            try:
                status = os.fstat(fd)
                if not stat.S_ISREG(status.st_mode):
                    raise OSError(errno.EINVAL, "Not a regular file", str(self.path))
                size = status.st_size
                self._torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
            except OSError:
                os.close(fd)
                raise
            self._fd = fd
            self._opened += 1
            self._written = 0
        return self._fd

    def _reopen(self) -> int | None:
        try:
            return self._open()
        except OSError as error:
            self._failed(error)
            return None

    def _leave(self) -> None:
        if self._fd is None:
            return
        try:
            is_deleted = os.fstat(self._fd).st_nlink == 0
        except OSError:  # on NFS: a stale handle
            is_deleted = True
        if is_deleted:
            self._pending.extendleft(reversed(self._recent))
            self._pending_bytes += sum(map(len, self._recent))
        self._recent.clear()
        with suppress(OSError):  # NFS may report a failed write only here; the descriptor is closed all the same
            os.close(self._fd)
        self._fd = None

    def _is_at_path(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.lstat(self.path), os.fstat(fd))
        except OSError as error:
            return error.errno not in (errno.ENOENT, errno.ENOTDIR)

    def _write_batch(self) -> bool:
        """Write one batch. Return False when there was none or it failed."""
        if not self._pending and not self._torn:
            return False
        fd = self._reopen()
        if fd is None:
            return False
        lines = self._next_lines()
        head = b"\n" if self._torn else b""
        data = head + b"".join(lines)
        written = self._write(fd, data)
        if written:
            self._settle(lines, written - len(head))
        if written < len(data):
            self._leave()
            return False
        self._recovered()
        return True

    def _next_lines(self) -> list[bytes]:
        size = 0
        lines: list[bytes] = []
        for line in self._pending:
            size += len(line)
            if lines and size > _BATCH:
                break
            lines.append(line)
        return lines

    def _write(self, fd: int, data: bytes) -> int:
        """Return the number of bytes written; fewer than asked for only if it failed."""
        done = 0
        try:
            while done < len(data):
                written = os.write(fd, data[done:])
                if written == 0:
                    raise OSError(errno.EIO, "nothing was written")
                done += written
                self._written += written
        except OSError as error:
            self._failed(error)
        return done

    def _settle(self, lines: list[bytes], written: int) -> None:
        """Take the lines that are in the file by now off the queue."""
        self._unsynced = True
        for line in lines:
            # A line that only lacks its newline is in the file. The newline is added later; to write it again would
            # double it.
            if written < len(line) - 1:
                break
            written -= len(line)
            self._recent.append(self._pending.popleft())
            self._pending_bytes -= len(line)
        self._torn = written != 0

    def sync(self) -> None:
        """Return when all that was appended before the call is on the disk, or could not be put there."""
        if self._fsync == "never":
            return
        with self._sync_lock:  # one fsync may serve several callers, who all wait for its end
            self._fsync_once()

    def _fsync_once(self) -> None:
        try:
            with self._lock:
                if self._fd is None or not self._unsynced:
                    return
                fd = os.dup(self._fd)  # so that appends need not wait, and may close their own
                self._unsynced = False
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
            self._sync_error = None
        except OSError as error:
            self._unsynced = True
            self._sync_error = error.strerror or str(error)
            logger.warning("%s: fsync failed and is tried again: %s", self.path.name, self._sync_error)

    def _failed(self, error: OSError) -> None:
        if self._write_error is None:
            logger.warning("%s: %s; events wait in memory until it can be written", self.path.name, error.strerror)
        self._write_error = error.strerror or str(error)

    def _recovered(self) -> None:
        if self._write_error is not None:
            logger.info("%s: can be written again", self.path.name)
            self._write_error = None
