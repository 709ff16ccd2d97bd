"""Change what keys.json says: add an entry, disable one, put another one in the place of one."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from addons.callers.keys import KEY, Key, KeysFile
from addons.ledger.validation import problem
from modeltrack_api.cli.commands import CannotDo

Content = dict[str, Any]
"""What is in the file, as JSON. The entries of its list stand in the order of those of the KeysFile made from it."""

NEVER = "never"
"""Stands for no end, in the place of a day or a time."""

_LONGEST_ID = 64
_NUMBER = re.compile(r"-(\d{1,9})$")


def add(content: Content, file: KeysFile, entry: Mapping[str, Any], wanted_id: str, now: datetime) -> Key:
    """Add an entry, and return it. Fields that say nothing are left out. Raises CannotDo."""
    taken = [key.id for key in file.keys]
    key_id = wanted_id or next_id("-".join(filter(None, map(_slug, (entry["team"], entry.get("app", ""))))), taken)
    if KEY.fullmatch(key_id):
        raise CannotDo("--id: is a key; an id is the name of one")
    if key_id.lower() in map(str.lower, taken):
        raise CannotDo(f"--id: there is a key {key_id!r} already")
    whole = {"id": key_id, **{name: value for name, value in entry.items() if value}}
    key = _checked(whole)
    if key.end is not None and key.end <= now:
        raise CannotDo("--expires: is past")
    content.setdefault("keys", []).append(whole)
    return key


def disable(content: Content, file: KeysFile, key_id: str) -> bool:
    """Disable a key. Return False where it was so already. Raises CannotDo."""
    number = _number_of(file, key_id)
    content["keys"][number]["disabled"] = True
    return not file.keys[number].disabled


def rotate(
    content: Content, file: KeysFile, key_id: str, sha256: str, until: datetime, expires: str, now: datetime
) -> tuple[Key, Key]:
    """Add an entry with the rights of another one, which then ends at `until`, or at its own earlier end.

    `expires` is the new one's end, "" for that of the old one. Return the old one and the new one. Raises CannotDo.
    """
    number = _number_of(file, key_id)
    old, entry = file.keys[number], content["keys"][number]
    if old.disabled:
        raise CannotDo(f"the key {old.id!r} is disabled: make a new one")
    if not old.is_valid(now):
        raise CannotDo(f"the key {old.id!r} has ended: make a new one")
    whole = {**entry, "id": next_id(_NUMBER.sub("", old.id), [key.id for key in file.keys], 2), "sha256": sha256}
    if expires == NEVER:
        whole.pop("expires", None)
    elif expires:
        whole["expires"] = expires
    new = _checked(whole)
    if new.end is not None and new.end <= now:
        raise CannotDo("--expires: is past")
    content["keys"].append(whole)
    if old.end is None or until < old.end:
        entry["expires"] = written(until)
    return _checked(entry), new


def time_of(text: str, option: str) -> datetime:
    """Return the end that a day or a time says, as it does in keys.json. Raises CannotDo, which names the option."""
    try:
        end = Key(id="x", sha256="0" * 64, team="x", expires=text).end
    except ValidationError as error:
        raise CannotDo(f"{option}: {_message(error)}") from None
    if end is None:
        raise CannotDo(f"{option}: must not be empty")
    return end


def written(when: datetime) -> str:
    """Return a time as keys.json has it, to the second."""
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def next_id(stem: str, taken: Iterable[str], first: int = 1) -> str:
    """Return the stem with a number behind it that is higher than that of each id with this stem."""
    stem = stem[: _LONGEST_ID - 10].rstrip("-._") or "key"
    numbers = [
        int(match[1]) for name in taken if (match := _NUMBER.search(name)) and _is_same(name[: match.start()], stem)
    ]
    return f"{stem}-{max([first - 1, *numbers]) + 1}"


def _is_same(one: str, other: str) -> bool:
    return one.lower() == other.lower()


def _slug(name: str) -> str:
    """Return a name in the letters that an id may have; "" for one in another alphabet."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def _number_of(file: KeysFile, key_id: str) -> int:
    for number, key in enumerate(file.keys):
        if _is_same(key.id, key_id.strip()):
            return number
    raise CannotDo(f"there is no key with the id {key_id!r}")


def _checked(entry: Mapping[str, Any]) -> Key:
    try:
        return Key.model_validate(entry)
    except ValidationError as error:
        option = str(error.errors(include_url=False)[0]["loc"][0]).replace("_", "-")
        raise CannotDo(f"--{'credential' if option == 'credentials' else option}: {_message(error)}") from None


def _message(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    return problem({**first, "loc": ()})
