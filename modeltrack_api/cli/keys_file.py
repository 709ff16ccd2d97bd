"""Read and change data/keys.json so that nobody's change is lost and nobody ever reads half a file.

Who changes it holds the lock, reads the file, and puts a new one in its place. Whatever goes wrong before that, the
file is as it was.
"""

import json
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from addons.callers.keys import MOST_BYTES, KeysFile
from addons.ledger.config_events.lines import LOCK_NAME
from addons.ledger.config_events.locking import Locked, locked
from addons.ledger.config_events.log import note_command
from addons.ledger.config_events.versions import Version
from addons.ledger.private_files import give, is_link
from addons.ledger.validation import InvalidFile, parse_model
from modeltrack_api.cli.commands import CannotDo, complain
from modeltrack_api.cli.edits import Content

FILE_NAME = "keys.json"

_WAIT_SECONDS = 10
_MODE = 0o600


def read(folder: Path) -> KeysFile:
    """Return what the file says; no keys where there is none. Raises CannotDo, OSError."""
    return _parsed(_read(folder / FILE_NAME))


def change[T](folder: Path, edit: Callable[[Content, KeysFile], T], now: Callable[[], datetime]) -> T:
    """Change what the file says, and return what `edit` does. Raises CannotDo, OSError.

    `edit` changes the content that it is given; it may be called again, if somebody changes the file meanwhile.
    """
    path = folder / FILE_NAME
    try:
        with locked(folder / LOCK_NAME, _WAIT_SECONDS):
            while True:
                data = _not_a_link(path)
                old = _parsed(data)
                content = json.loads(data.decode("utf-8-sig")) if data is not None else {}
                result = edit(content, old)
                new = _bytes(content)
                parsed = _parsed(new)
                if parsed == old:
                    return result
                if _replaced(path, data, new):
                    _note(path, Version(data, old), Version(new, parsed), now())
                    return result
    except Locked:
        raise CannotDo(f"{folder / LOCK_NAME}: another process has held the lock for {_WAIT_SECONDS} s") from None


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    if len(data) > MOST_BYTES:
        raise CannotDo(f"{path}: is over {MOST_BYTES} bytes")
    return data


def _not_a_link(path: Path) -> bytes | None:
    if is_link(path):
        raise CannotDo(
            f"{path}: is a symbolic link, such as Kubernetes makes, and is not changed: change what it is made from"
        )
    return _read(path)


def _parsed(data: bytes | None) -> KeysFile:
    if data is None:
        return KeysFile()
    try:
        return parse_model(KeysFile, data)
    except InvalidFile as error:
        raise CannotDo(f"{FILE_NAME} is not valid, and is left as it is: {error}") from None


def _bytes(content: Content) -> bytes:
    data = (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
    if len(data) > MOST_BYTES:
        raise CannotDo(f"{FILE_NAME} would be over {MOST_BYTES} bytes, which the proxy refuses")
    return data


def _replaced(path: Path, old: bytes | None, new: bytes) -> bool:
    """Put the new file in the place of the old one, with its owner and mode. Return False if it is another one by now.

    A new file gets the owner of the folder, so that the proxy can read what root has made.
    """
    made = path.with_name(f".{path.name}.new")
    with suppress(FileNotFoundError):
        made.unlink()  # who had the lock before was killed
    fd = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(new)
            before = path.stat() if old is not None else None
            if not give(fd, before or path.parent.stat()):
                complain(f"{path} belongs to this user now: make sure that the proxy may read it")
            os.fchmod(fd, stat.S_IMODE(before.st_mode) & 0o777 if before else _MODE)
            file.flush()
            os.fsync(fd)
        if _not_a_link(path) != old:
            made.unlink()
            return False
        os.replace(made, path)
    except BaseException:
        with suppress(OSError):
            made.unlink()
        raise
    _sync_folder(path.parent)
    return True


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # not every file system can
        fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _note(path: Path, old: Version, new: Version, now: datetime) -> None:
    try:
        note_command(path, old, new, now)
    except OSError as error:
        complain(f"the change is made, but config_events.jsonl cannot be written: {error.strerror}")
