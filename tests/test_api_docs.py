"""Check that docs/api.md lists the fields of the answers."""

import re
from typing import Any

import pytest

from tests.documents import names, rows, section
from tests.modeltrack_api.contract import EVENT, GETS, LEFT_OUT, SESSION, TOKENS
from tests.test_docs import api_rows


def fields_of(shape: Any) -> set[str]:
    """Return the names of all members in a shape of tests/modeltrack_api/contract.py."""
    inner = list(shape.values()) if isinstance(shape, dict) else list(shape) if isinstance(shape, list | tuple) else []
    named = set(shape) if isinstance(shape, dict) else set()
    return named.union(*map(fields_of, inner))


@pytest.mark.parametrize("path", [path for path in GETS if "?" not in path])
def test_the_fields_of_an_answer_are_listed(path: str) -> None:
    [cell] = [
        row[2]
        for (method, pattern), row in api_rows().items()
        if method == "GET" and re.fullmatch(re.sub(r"\{.*?\}", "[^/]+", pattern), path)
    ]
    words = set(re.findall(r"\w+", cell))
    short = {"unpriced": set(LEFT_OUT), "tokens": set(TOKENS), "event": fields_of(EVENT), "above": fields_of(SESSION)}
    known = words.union(*(fields for name, fields in short.items() if name in words))
    assert fields_of(GETS[path]) - known == set()


@pytest.mark.parametrize(
    ("heading", "fields"), [("Prices that are not known", LEFT_OUT), ("Tokens", TOKENS)], ids=["prices", "tokens"]
)
def test_the_fields_that_many_answers_have_are_explained(heading: str, fields: dict[str, Any]) -> None:
    assert {name for row in rows(section("api.md", heading)) for name in names(row[0])} == set(fields)
