import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.ledger.names import accounts_of, compared

SAME = [
    "Product",
    "PRODUCT",
    " product ",
    "pro\u200bduct",
    "\ufeffproduct",
    "pro\u00adduct",
    "product\u2060",
    "\u202eproduct",
    "".join(chr(ord(letter) + 0xFEE0) for letter in "product"),  # full width
    "".join(chr(ord(letter) + 0x1D3ED) for letter in "product"),  # mathematical
    "pro\ufe0fduct",
    "prod\u034fuct",
    "product\u3164",
    "pro\x00duct",
]


@pytest.mark.parametrize("name", SAME, ids=ascii)
def test_spellings_that_look_the_same_are_the_same(name: str) -> None:
    assert compared(name) == "product"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Zoë", "zoe\u0308"),
        ("straße", "STRASSE"),
        ("ﬁnance", "Finance"),
        ("İstanbul", "i̇stanbul"),
        ("my  team", "my\u00a0team"),
        ("my team", "my\u3000team"),
    ],
)
def test_other_alphabets_and_spaces_are_compared_too(one: str, other: str) -> None:
    assert compared(one) == compared(other)


@pytest.mark.parametrize("name", ["products", "pro duct", "pro-duct", "prôduct", "pr\u043educt"], ids=ascii)
def test_names_that_differ_stay_different(name: str) -> None:
    """The last one has a Cyrillic letter: only CALLERS=known keeps it out."""
    assert compared(name) != "product"


@given(st.text(max_size=300))
def test_comparing_twice_is_comparing_once_and_leaves_nothing_invisible(name: str) -> None:
    found = compared(name)
    assert compared(found) == found
    assert not [character for character in found if unicodedata.category(character) in ("Cc", "Cf")]


@given(st.text(max_size=50))
def test_letter_case_never_matters(name: str) -> None:
    assert compared(name.swapcase().casefold()) == compared(name.casefold())


def test_an_account_is_the_teams_and_the_apps_in_that_form() -> None:
    assert accounts_of("Product", "Chat\u200bbot") == (("product", ""), ("product", "chatbot"))
    assert accounts_of("Product", "\u200b") == (("product", ""),)
