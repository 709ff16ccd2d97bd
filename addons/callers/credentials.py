"""Read the providers' credentials that the proxy puts in for callers with a key of keys.json.

They are in the environment (`ANTHROPIC_API_KEY`) or in files (`ANTHROPIC_API_KEY_FILE`), which are read again when they
change. A key may name others: `env:NAME` or `file:/path`.
"""

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from addons.callers.keys import Key, KeysFile

logger = logging.getLogger(__name__)

VARIABLES = {
    "anthropic": "ANTHROPIC_API_KEY",
    "openai": "OPENAI_API_KEY",
    "azure": "AZURE_OPENAI_API_KEY",
    "bedrock": "AWS_BEARER_TOKEN_BEDROCK",
}
"""The variable that has a provider's credential, by the provider's name; `<variable>_FILE` names a file that has it."""

_MOST_BYTES = 64 * 2**10
_USABLE = re.compile(r"[\x21-\x7e]+")


class Missing(Exception):
    """There is no credential where it should be. The text says where that is."""


class _File(NamedTuple):
    stamp: tuple[int, int, int]
    """What tells that the file has changed: its time, size and inode."""
    value: str


class Credentials:
    def __init__(self, environ: Mapping[str, str]) -> None:
        """Find out where the credentials are. Raises ValueError for a provider with a variable and a file."""
        self._environ = environ
        self._files: dict[str, _File] = {}
        """What is in each file that is referred to."""
        self._references: dict[str, str] = {}
        for provider, name in VARIABLES.items():
            path = environ.get(f"{name}_FILE", "").strip()
            if path and environ.get(name):
                raise ValueError(f"{name}_FILE: {path[:100]!r} is not allowed: must be empty where {name} is set")
            self._references[provider] = f"file:{path}" if path else f"env:{name}"
        self._paths: frozenset[str] = frozenset()

    def refer_to(self, keys: KeysFile) -> None:
        """Note which files the keys name, and read those that are new, so that a call never waits for a file."""
        references = {*self._references.values(), *(each for key in keys.keys for each in key.credentials.values())}
        self._paths = frozenset(each.removeprefix("file:") for each in references if each.startswith("file:"))
        for path in self._paths - self._files.keys():
            self._read(path)

    def refresh(self) -> None:
        """Read again the files that have changed. A thread calls this twice a second."""
        for path in self._paths:
            self._read(path)

    def of(self, provider: str, key: Key) -> str:
        """Return the credential that is put in for a key at a provider. Raises Missing."""
        reference = key.credentials.get(provider) or self._references[provider]  # type: ignore[call-overload]
        kind, _, name = reference.partition(":")
        if kind == "env":
            value = self._environ.get(name, "").strip()
        else:
            value = self._files[name].value if name in self._files else ""
        if not _USABLE.fullmatch(value):
            where = f"the variable {name}" if kind == "env" else f"the file {name}"
            own = VARIABLES[provider]
            shown = f"{where} or {own}_FILE" if reference == f"env:{own}" else where
            raise Missing(f"{shown} has no credential for {provider}")
        return value

    def _read(self, path: str) -> None:
        """Read a file if it has changed. One that cannot be read any more keeps what it said last."""
        try:
            stat = os.stat(path)
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            before = self._files.get(path)
            if before and before.stamp == stamp:
                return
            with Path(path).open(encoding="utf-8") as file:
                value = file.read(_MOST_BYTES).strip()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            if path not in self._files:
                self._files[path] = _File((0, 0, 0), "")
                logger.warning("%s: the credential cannot be read: %s", path, reason)
            return
        self._files[path] = _File(stamp, value)
        if before and before.stamp != (0, 0, 0):
            logger.info("%s: a new credential is in force", path)
