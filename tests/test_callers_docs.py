"""Check that docs/callers.md and what other pages say of keys and credentials is so."""

from addons.callers.credentials import VARIABLES
from addons.callers.presented import SLOTS
from tests import ROOT
from tests.documents import names, rows, section


def test_every_place_for_a_key_is_named() -> None:
    text = section("callers.md", "Where a key may be")
    named = {name.partition(":")[0].lower() for row in rows(text) for name in names(row[0])}
    assert {slot.decode() for slot in SLOTS} <= named


def test_every_credential_has_its_variable_in_the_configuration() -> None:
    shown = {names(row[0])[0]: names(row[1])[0] for row in rows(section("configuration.md", "Credentials"))}
    assert shown == {variable: provider for provider, variable in VARIABLES.items()}


def test_what_is_refused_has_the_statuses_of_the_table_of_all_errors() -> None:
    all_errors = {row[0][:3] for row in rows(section("clients.md", "Errors that the proxy makes"))}
    assert {row[0] for row in rows(section("callers.md", "What is refused"))} <= all_errors


def test_the_set_ups_are_the_values_of_the_setting() -> None:
    text = (ROOT / "docs/callers.md").read_text().partition("\n## ")[0]
    assert [names(row[1]) for row in rows(text)] == [["open"], ["known"], ["keys"]]
