"""Test the lines of config_events.jsonl: their form, their bounds, and reading them back."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from addons.ledger.config_events.compare import Change
from addons.ledger.config_events.event import MOST_BYTES, ConfigEvent, Noted, read_line
from tests.documents import names, rows, section

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)


def event(*changes: Change, by: str = "alice") -> ConfigEvent:
    return ConfigEvent(
        timestamp=NOON.astimezone(timezone(timedelta(hours=2))),
        file="budgets.json",
        kind="change",
        old_sha256="a",
        new_sha256="b",
        by=by,
        by_source="command",
        changes=changes,
    )


def test_a_line_says_when_what_and_by_whom() -> None:
    change = Change("budgets", "changed", {"team": "t"}, ("monthly_limit",), {}, {"monthly_limit": Decimal("2.50")})
    assert event(change).line() == (
        b'{"timestamp":"2026-11-10T12:00:00.000Z","file":"budgets.json","kind":"change","old_sha256":"a",'
        b'"new_sha256":"b","by":"alice","by_source":"command","changes":[{"part":"budgets","change":"changed",'
        b'"entry":{"team":"t"},"fields":["monthly_limit"],"new":{"monthly_limit":2.50}}]}'
    )


def test_a_line_is_read_back() -> None:
    assert read_line(event().line()) == Noted("budgets.json", NOON, "a", "b")


@pytest.mark.parametrize("cut", range(0, 160, 7))
def test_a_line_that_was_cut_short_is_none(cut: int) -> None:
    line = event().line()
    assert cut < len(line) and read_line(line[:cut]) is None


@pytest.mark.parametrize(
    "line", [b"[]", b"1", b"null", b'{"file": 1}', b'{"timestamp": "2026-11-10T12:00:00"}', b"\xff"]
)
def test_what_is_no_event_is_none(line: bytes) -> None:
    assert read_line(line) is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("500.00", b"500.00"),
        ("0.000000001", b"0.000000001"),
        ("1E+3", b"1000"),
        ("123456789.123456789", b"123456789.123456789"),
        ("1E-500", b"1E-500"),
        ("0." + "1" * 5000, b'"0.' + b"1" * 38 + b'"'),
    ],
    ids=range(6),
)
def test_money_is_written_exactly_and_bounded(value: str, shown: bytes) -> None:
    line = event(Change("budgets", "added", new={"monthly_limit": Decimal(value)})).line()
    assert b'"monthly_limit":' + shown + b"}" in line
    json.loads(line)


@pytest.mark.parametrize("number", [1, 50, 10_000])
@pytest.mark.parametrize("name", ["k", "\u0001" * 200, "\U0001f600" * 200], ids=["short", "escaped", "wide"])
def test_a_line_has_a_largest_size_and_says_how_much_is_left_out(number: int, name: str) -> None:
    changes = [Change("keys", "added", {"id": f"{name}{n}"}, new={"expires": name}) for n in range(number)]
    line = event(*changes, by=name * 10).line()
    found = json.loads(line)
    assert len(line) <= MOST_BYTES
    assert len(found["changes"]) + found.get("changes_left_out", 0) == number


def test_a_name_that_is_no_unicode_breaks_no_line() -> None:
    assert json.loads(event(by="al\udce4ce").line())["by"] == "al?ce"


def test_every_field_of_a_change_of_a_file_is_explained() -> None:
    change = Change("budgets", "changed", {"team": "t"}, ("action",), {"action": "warn"}, {"action": "block"})
    line = ConfigEvent(
        timestamp=NOON, file="budgets.json", kind="change", new_sha256="x", changes=(change,) * 1000
    ).line()
    written = json.loads(line)
    shown = [name for row in rows(section("operations.md", "Changes of files")) for name in names(row[0])]
    assert sorted(shown) == sorted([*written, *written["changes"][0]])
