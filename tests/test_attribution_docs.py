"""Check that docs/attribution.md says what the code reads."""

from typing import get_args

from addons.callers.attribution_file import AttributionFile, Entry
from addons.callers.sent_anyway import GATEWAYS, TABLE
from addons.callers.sources import Label
from tests.documents import names, rows, section


def test_what_is_read_of_what_clients_send_anyway_is_listed_with_its_source() -> None:
    expected: dict[tuple[str, str], tuple[list[str], list[str]]] = {}
    for source in TABLE:
        place = f"`{source.header}`" if source.header else f"`{source.body}` in the body"
        who, part = f"[{source.client}]({source.origin})", source.json or source.tag
        if part:
            place += " (JSON)" if source.json else " (tags)"
            label = f"`{source.label}`" if part == source.label else f"`{source.label}` by `{part}`"
            expected.setdefault((who, place), ([place], []))[1].append(label)
        else:
            expected.setdefault((who, source.label), ([], [f"`{source.label}`"]))[0].append(place)
    shown = rows(section("attribution.md", "What clients send anyway"))
    assert shown == [[who, ", ".join(places), ", ".join(labels)] for (who, _), (places, labels) in expected.items()]


def test_the_headers_that_stay_here_are_named() -> None:
    text = " ".join(section("attribution.md", "What goes to the provider").split())
    assert [prefix for prefix in GATEWAYS.values() if f"`{prefix}*`" not in text] == []


def test_every_key_of_the_file_is_explained() -> None:
    shown = {names(row[0])[0]: row[2] for row in rows(section("attribution.md", "attribution.json"))}
    keys = {info.alias or name: info for name, info in (AttributionFile.model_fields | Entry.model_fields).items()}
    assert set(shown) == set(keys)
    assert [name for name, info in keys.items() if info.is_required() != (shown[name] == "yes")] == []


def test_every_label_is_named_at_the_top() -> None:
    assert set(get_args(Label)) <= set(names(section("attribution.md", "Attribution").partition("\n## ")[0]))
