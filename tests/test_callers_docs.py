"""Check that docs/callers.md and what other pages say of keys and credentials is so."""

from addons.callers.credentials import VARIABLES
from addons.callers.keys import Key, KeysFile
from addons.callers.presented import SLOTS
from tests import ROOT
from tests.documents import blocks, names, rows, section


def test_every_key_of_an_entry_is_explained() -> None:
    shown = {names(row[0])[0]: row[2] for row in rows(section("callers.md", "What a key may say"))}
    assert set(shown) == set(Key.model_fields)
    required = {name for name, info in Key.model_fields.items() if info.is_required()}
    assert {name for name, cell in shown.items() if cell == "yes"} == required


def test_the_file_that_is_shown_is_valid() -> None:
    [shown] = [block.code for block in blocks(ROOT / "docs/callers.md") if block.language == "json"]
    assert len(KeysFile.model_validate_json(shown).keys) == 2


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
