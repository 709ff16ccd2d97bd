"""Say which user of the system has changed a file."""

import os
import pwd
from pathlib import Path


def this_user() -> str:
    """Return the name of the user who runs this process."""
    return _name(os.getuid())


def owner_of(path: Path) -> str:
    """Return the name of a file's owner; "" for a file that is not there."""
    try:
        return _name(path.stat().st_uid)
    except OSError:
        return ""


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OSError):
        return str(uid)
