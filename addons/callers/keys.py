"""data/keys.json: who holds which key, and what each may do. Only the SHA-256 of a key is kept.

A key has 256 random bits, so a slow hash would add nothing, and how long a look-up by the hash takes tells nothing of
any key.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from addons.ledger.budgets import Name, visible

PREFIX = "mt-"
KEY = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
"""The form of a key: the prefix, and what `secrets.token_urlsafe(32)` returns."""
LIKE_KEY = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{40,}}")
"""The form of a key, and of one that was copied with characters too many or a few too few."""
KEY_WITHIN = re.compile(rf"(?<![A-Za-z0-9_-]){KEY.pattern}(?![A-Za-z0-9_-])")
"""Finds a key in a text; longer words that happen to contain its form, such as keys of providers, are none."""

MOST_BYTES = 32 * 2**20
"""The size of the file, which is some 100,000 keys."""

Provider = Literal["anthropic", "openai", "bedrock", "azure"]
_REFERENCE = re.compile(r"env:[A-Z_][A-Z0-9_]*|file:/[^\x00-\x1f\x7f]+")


def _no_secret(value: str) -> str:
    """Refuse a key where a name belongs, without repeating it: names are shown everywhere."""
    if KEY_WITHIN.search(value):
        raise PydanticCustomError("secret", "must be no key")
    return value


def _where(value: str) -> str:
    """Refuse what may be the credential itself, without repeating it."""
    if not _REFERENCE.fullmatch(value):
        raise PydanticCustomError("secret", "must be env: and the NAME of a variable, or file: and an absolute path")
    return value


Label = Annotated[Name, AfterValidator(_no_secret)]
Pattern = Annotated[
    str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$"), AfterValidator(_no_secret)
]
Reference = Annotated[str, Field(max_length=4096), AfterValidator(_where)]
"""Where a credential is: `env:NAME` or `file:/path`. The credential itself is never in the file."""


def new_key() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(key: str) -> bytes:
    """Return the SHA-256 of a key, which is all that is kept of one that a request has shown."""
    return hashlib.sha256(key.encode(errors="replace")).digest()


def sha256(key: str) -> str:
    """Return the hash of a key as keys.json has it."""
    return digest_of(key).hex()


def _end(value: str) -> str:
    _end_of(value)
    return value


def _end_of(value: str) -> datetime | None:
    """Return when a key ends: a day is valid to its end in UTC, a time to the second. Raises ValueError."""
    if not value:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
            return datetime.fromisoformat(value).replace(tzinfo=UTC) + timedelta(days=1)
        found = datetime.fromisoformat(value)
    except (ValueError, OverflowError):
        found = None
    if found is None or found.tzinfo is None:
        raise ValueError("must be a day such as 2027-06-30, or a time such as 2027-06-30T12:00:00Z")
    return found.astimezone(UTC)


class Key(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    id: Annotated[str, AfterValidator(_no_secret)] = Field(
        min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
    )
    """The name of the key everywhere: in events, logs and answers."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    team: Annotated[Label, AfterValidator(visible)] = Field(min_length=1)
    app: Label = ""
    user: Label = ""
    feature: Label = ""
    customer_tier: Label = ""
    models: list[Pattern] = Field(default_factory=list)
    """Shell patterns of the models that it may ask for; empty: all."""
    providers: list[Provider] = Field(default_factory=list)
    """The providers that it may call; empty: all."""
    expires: Annotated[str, AfterValidator(_end)] = ""
    """The last day, or the time from which it is valid no more; empty: it does not end."""
    disabled: bool = False
    credentials: dict[Provider, Reference] = Field(default_factory=dict)
    """Where the credential is that is put in for this key, by provider; else the proxy's own is."""
    note: Annotated[str, AfterValidator(_no_secret)] = Field(default="", max_length=1000)

    @cached_property
    def end(self) -> datetime | None:
        """Return the time from which the key is valid no more; None where it does not end."""
        return _end_of(self.expires)

    @cached_property
    def says(self) -> Mapping[str, str]:
        """Return what the key says of who calls, by the name of the label."""
        labels = ("team", "app", "user", "feature", "customer_tier")
        return {name: value for name in labels if (value := getattr(self, name))}

    @cached_property
    def rights(self) -> tuple[object, ...]:
        """Return what the key opens, and in whose name."""
        who = (self.sha256, self.team, self.app, self.user, self.feature, self.customer_tier)
        return (*who, self.models, self.providers, self.credentials)

    def is_valid(self, now: datetime) -> bool:
        return not self.disabled and (self.end is None or now < self.end)

    def may_call(self, provider: str) -> bool:
        return not self.providers or provider in self.providers

    def may_ask_for(self, model: str) -> bool:
        name = model.lower()
        return not self.models or any(fnmatchcase(name, pattern.lower()) for pattern in self.models)


class KeysFile(BaseModel):
    """data/keys.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: list[Key] = Field(default_factory=list)

    @model_validator(mode="after")
    def _are_unique(self) -> "KeysFile":
        ids, hashes = set[str](), set[str]()
        for key in self.keys:
            if key.id.lower() in ids:
                raise ValueError(f"two keys have the id {key.id!r}")
            if key.sha256 in hashes:
                raise ValueError(f"the key {key.id!r} has the sha256 of another one")
            ids.add(key.id.lower())
            hashes.add(key.sha256)
        return self

    @cached_property
    def by_digest(self) -> Mapping[bytes, Key]:
        """Return the keys by the bytes of their SHA-256."""
        return {bytes.fromhex(key.sha256): key for key in self.keys}

    @cached_property
    def by_id(self) -> Mapping[str, Key]:
        return {key.id: key for key in self.keys}

    def find(self, digest: bytes, now: datetime) -> Key | None:
        """Return the entry of a key that is valid now; None for one that is unknown, disabled or past its end.

        The same is done for all of these.
        """
        found = self.by_digest.get(digest)
        return found if found is not None and found.is_valid(now) else None
