"""Read the providers' credentials that the proxy puts in for callers with a key of keys.json.

They are in the environment (`ANTHROPIC_API_KEY`) or in files (`ANTHROPIC_API_KEY_FILE`), which are read again when they
change. A key may name others: `env:NAME` or `file:/path`.
"""

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path

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
_UNREAD = (0, 0, 0)
_USABLE = re.compile(r"[\x21-\x7e]+")


class Missing(Exception):
    """There is no credential where it should be. The text says where that is."""


_Stamp = tuple[int, int, int]
"""A file's time, size and inode."""


class Credentials:
    def __init__(self, environ: Mapping[str, str]) -> None:
        """Find out where the credentials are. Raises ValueError for a provider with a variable and a file."""
        self._environ = environ
        self._values: dict[str, str] = {}
        """The credentials by the reference to them, those that can be used."""
        self._stamps: dict[str, _Stamp] = {}
        """What tells that a file has changed, for each file that is referred to."""
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
        for path in self._paths - self._stamps.keys():
            self._read(path)
        for reference in references:
            if reference.startswith("env:"):
                self._keep(reference, self._environ.get(reference.removeprefix("env:"), ""))

    def refresh(self) -> None:
        """Read again the files that have changed. A thread calls this twice a second."""
        for path in self._paths:
            self._read(path)

    def of(self, provider: str, key: Key) -> str:
        """Return the credential that is put in for a key at a provider. Raises Missing."""
        reference = key.credentials.get(provider) or self._references[provider]  # type: ignore[call-overload]
        if value := self._values.get(reference):
            return value
        kind, _, name = reference.partition(":")
        where = f"the variable {name}" if kind == "env" else f"the file {name}"
        own = VARIABLES[provider]
        shown = f"{where} or {own}_FILE" if reference == f"env:{own}" else where
        raise Missing(f"{shown} has no credential for {provider}")

    def _read(self, path: str) -> None:
        """Read a file if it has changed. One that cannot be read any more keeps what it said last."""
        before = self._stamps.get(path)
        try:
            stat = os.stat(path)
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if before == stamp:
                return
            with Path(path).open(encoding="utf-8") as file:
                text = file.read(_MOST_BYTES)
        except (OSError, ValueError) as error:
            if before is None:
                self._stamps[path] = _UNREAD
                reason = error.strerror if isinstance(error, OSError) else "it is no text"
                logger.warning("%s: the credential cannot be read: %s", path, reason)
            return
        self._stamps[path] = stamp
        self._keep(f"file:{path}", text)
        if before not in (None, _UNREAD):
            logger.info("%s: a new credential is in force", path)

    def _keep(self, reference: str, text: str) -> None:
        if _USABLE.fullmatch(value := text.strip()):
            self._values[reference] = value
        else:
            self._values.pop(reference, None)
