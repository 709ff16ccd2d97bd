"""Open files in DATA_DIR so that only their owner writes them, his group reads them, and nobody else does either.

A symbolic link in the place of a file is not followed: whoever may write to the folder could have the program write to,
or give away, any other file that it may open.
"""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

MOST_MODE = 0o640
"""The most that others may do with a file that the program makes. A stricter umask makes it less."""


def open_private(path: Path, flags: int) -> int:
    """Open a file, or make it where `flags` have O_CREAT, and return its descriptor. Raises OSError.

    A file that is there already, is the program's own and has a wider mode, gets this one.
    """
    fd = _opened(path, flags)
    try:
        tighten(fd)
    except BaseException:
        os.close(fd)
        raise
    return fd


def open_for_folder(path: Path, flags: int) -> int:
    """Open a file as `open_private` does, or make it: a new one gets the owner of its folder, where this user may.

    So the proxy can write to what root's command has made. Raises OSError.
    """
    try:
        fd = open_private(path, flags | os.O_CREAT | os.O_EXCL)
    except FileExistsError:
        return open_private(path, flags)
    with suppress(OSError):
        give(fd, path.parent.stat())
    return fd


def give(fd: int, wanted: os.stat_result) -> bool:
    """Give an open file the owner and group of another one, as far as this user may. Return whether the owner fits."""
    now = os.fstat(fd)
    for uid, gid in ((wanted.st_uid, wanted.st_gid), (-1, wanted.st_gid)):
        if (uid, gid) != (now.st_uid, now.st_gid):
            try:
                os.chown(fd, uid, gid)
            except OSError:
                continue
        break
    return os.fstat(fd).st_uid == wanted.st_uid


def open_to_read(path: Path) -> BinaryIO:
    """Open a file to read it; its mode stays as it is. Raises OSError."""
    return os.fdopen(_opened(path, os.O_RDONLY), "rb")


def tighten(file: int | Path) -> None:
    """Take from a file of this user's what its mode allows beyond MOST_MODE. Raises OSError."""
    status = os.stat(file)
    mode = stat.S_IMODE(status.st_mode)
    if mode & ~MOST_MODE and status.st_uid == os.geteuid() and stat.S_ISREG(status.st_mode):
        os.chmod(file, mode & MOST_MODE)


def is_link(path: Path) -> bool:
    """Return whether there is a symbolic link at the path."""
    try:
        return stat.S_ISLNK(os.lstat(path).st_mode)
    except OSError:
        return False


def no_link(path: Path) -> OSError:
    """Return the error for a symbolic link where a file should be."""
    return OSError(errno.ELOOP, "is a symbolic link, which is not followed: put the file itself there", str(path))


def _opened(path: Path, flags: int) -> int:
    try:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, MOST_MODE)
    except OSError as error:
        # ELOOP also stands for a circle of links in the folders above; FreeBSD says EMLINK, NetBSD EFTYPE.
        raise (no_link(path) if is_link(path) else error) from None
