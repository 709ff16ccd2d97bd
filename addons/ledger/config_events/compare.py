"""Say what differs between two versions of a file in DATA_DIR, entry by entry.

Values are shown only of the fields that the table names; of all others only the name is. So nothing that is secret can
get into the log because somebody forgot to leave it out.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel

_LONGEST_VALUE = 200


class Entries(NamedTuple):
    """Says of a list in a file which fields name an entry, and of which the old and the new value are shown."""

    named_by: tuple[str, ...]
    shown: frozenset[str] = frozenset()


LISTS: Mapping[str, Entries] = {
    "budgets": Entries(("team", "app"), frozenset({"monthly_limit", "action"})),
    "rules": Entries(("name",), frozenset({"threshold", "to_model", "action", "enabled"})),
    "models": Entries(("provider", "model"), frozenset({"input", "output", "same_as"})),
    "keys": Entries(("id",), frozenset({"expires", "disabled"})),
    "sources": Entries(("label", "header", "body", "json_path", "tag"), frozenset({"pass_on"})),
}
"""The lists of entries of all files, by name. Of a list that is not here only its name is shown."""


@dataclass(frozen=True, slots=True)
class Change:
    part: str
    """The list, or the other key at the top of the file; "" where the file is one object of names."""
    kind: Literal["added", "removed", "changed", "reordered"]
    entry: Mapping[str, str] = field(default_factory=dict)
    """What names the entry of a list, or the key of an object; empty where the part as a whole is meant."""
    fields: tuple[str, ...] = ()
    """The fields that changed, such as `expires` and `credentials.openai`."""
    old: Mapping[str, Any] = field(default_factory=dict)
    new: Mapping[str, Any] = field(default_factory=dict)


def compare(old: BaseModel, new: BaseModel) -> list[Change]:
    """Return what differs; an empty list where a change of the file has changed nothing of what it says."""
    return [change for part in type(new).model_fields for change in _of_part(part, old, new)]


def _of_part(part: str, old: BaseModel, new: BaseModel) -> Iterable[Change]:
    before, after = getattr(old, part, None), getattr(new, part, None)
    if before == after:
        return []
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return _of_object("" if part == "root" else part, before, after)
    if part in LISTS:
        return _of_list(part, LISTS[part], before or (), after or ())
    return [Change(part, "changed")]


def _of_list(part: str, entries: Entries, old: Iterable[BaseModel], new: Iterable[BaseModel]) -> Iterable[Change]:
    before, after = _by_name(entries, old), _by_name(entries, new)
    for name, entry in before.items():
        if name not in after:
            yield Change(part, "removed", _shown_name(entries, entry), old=_set_values(entries, entry))
    for name, entry in after.items():
        if name not in before:
            yield Change(part, "added", _shown_name(entries, entry), new=_set_values(entries, entry))
        elif before[name] != entry:
            yield _of_entry(part, entries, before[name], entry)
    if [name for name in before if name in after] != [name for name in after if name in before]:
        yield Change(part, "reordered")


def _of_entry(part: str, entries: Entries, old: BaseModel, new: BaseModel) -> Change:
    fields = [name for name in type(new).model_fields if getattr(old, name) != getattr(new, name)]
    shown = entries.shown & set(fields)
    names = tuple(inner for name in fields for inner in _field_names(name, getattr(old, name), getattr(new, name)))
    return Change(part, "changed", _shown_name(entries, new), names, _shown(old, shown), _shown(new, shown))


def _field_names(name: str, old: Any, new: Any) -> list[str]:
    """Return the name of a field; for an object's, one with each key that differs."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return [f"{name}.{key}" for key in dict.fromkeys([*old, *new]) if old.get(key) != new.get(key)]
    return [name]


def _of_object(part: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[Change]:
    for key in dict.fromkeys([*old, *new]):
        if key not in new:
            yield Change(part, "removed", {"key": _text(key)})
        elif key not in old:
            yield Change(part, "added", {"key": _text(key)})
        elif old[key] != new[key]:
            yield Change(part, "changed", {"key": _text(key)})


def _by_name(entries: Entries, found: Iterable[BaseModel]) -> dict[tuple[str | int, ...], BaseModel]:
    """Return the entries by what names them, and a number: pricing.json may name a model twice."""
    seen = Counter[tuple[str, ...]]()
    named: dict[tuple[str | int, ...], BaseModel] = {}
    for entry in found:
        name = tuple(str(getattr(entry, part)) for part in entries.named_by)
        named[(*name, seen[name])] = entry
        seen[name] += 1
    return named


def _shown_name(entries: Entries, entry: BaseModel) -> dict[str, str]:
    return {name: _text(value) for name in entries.named_by if (value := getattr(entry, name))}


def _set_values(entries: Entries, entry: BaseModel) -> dict[str, Any]:
    """Return the values of the fields that are shown, without those that an entry has that does not name them."""
    infos = type(entry).model_fields
    return _shown(entry, {name for name in entries.shown if getattr(entry, name) != infos[name].default})


def _shown(entry: BaseModel, names: Collection[str]) -> dict[str, Any]:
    """Return the values of some fields, in the order of the model."""
    values = {name: getattr(entry, name) for name in type(entry).model_fields if name in names}
    return {name: _text(value) if isinstance(value, str) else value for name, value in values.items()}


def _text(value: object) -> str:
    return str(value)[:_LONGEST_VALUE]
