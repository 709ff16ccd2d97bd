"""Check that docs/attribution.md says what the code reads."""

from addons.callers.sent_anyway import GATEWAYS, TABLE
from tests.documents import rows, section


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
