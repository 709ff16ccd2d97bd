"""Test what is said of the difference between two versions of a file, and what is not."""

import hashlib
import json
from decimal import Decimal
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from addons.callers.keys import KeysFile
from addons.ledger.budgets import BudgetsFile
from addons.ledger.config_events.compare import LISTS, Change, compare
from addons.ledger.validation import parse_model
from addons.llm.model_rules import RoutingFile
from addons.llm.prices.pricing_file import PricingFile
from modeltrack_api.check_config import FILES
from modeltrack_api.collector.teams import NamespaceMap

RULE = {"trigger": "budget_percent_above", "threshold": 70, "from_models": ["a"], "to_model": "b"}
HASHES = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(3)]


def budget(team: str, limit: float, app: str = "", action: str = "block") -> dict[str, Any]:
    return {"team": team, "app": app, "monthly_limit": limit, "action": action}


def key(name: str, number: int = 0, **more: Any) -> dict[str, Any]:
    return {"id": name, "sha256": HASHES[number], "team": "t", **more}


def differences(model: type[BaseModel], old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    return compare(*(parse_model(model, json.dumps(content).encode()) for content in (old, new)))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([], [], []),
        ([budget("a", 1)], [{"monthly_limit": 1.00, "action": "block", "team": "a"}], []),
        (
            [],
            [budget("a", 1.5)],
            [Change("budgets", "added", {"team": "a"}, new={"monthly_limit": Decimal("1.5"), "action": "block"})],
        ),
        (
            [budget("a", 1, "x")],
            [],
            [
                Change(
                    "budgets",
                    "removed",
                    {"team": "a", "app": "x"},
                    old={"monthly_limit": Decimal(1), "action": "block"},
                )
            ],
        ),
        (
            [budget("a", 1), budget("b", 1)],
            [budget("a", 2), budget("b", 1)],
            [
                Change(
                    "budgets",
                    "changed",
                    {"team": "a"},
                    ("monthly_limit",),
                    {"monthly_limit": Decimal(1)},
                    {"monthly_limit": Decimal(2)},
                )
            ],
        ),
        ([budget("a", 1), budget("b", 1)], [budget("b", 1), budget("a", 1)], [Change("budgets", "reordered")]),
    ],
    ids=["nothing", "formatting", "added", "removed", "changed", "reordered"],
)
def test_budgets_are_named_with_their_limits(old: list[Any], new: list[Any], expected: list[Change]) -> None:
    assert differences(BudgetsFile, {"budgets": old}, {"budgets": new}) == expected


@pytest.mark.parametrize(
    ("new", "fields", "shown"),
    [
        (key("k", disabled=True), ("disabled",), {"disabled": True}),
        (key("k", expires="2027-06-30"), ("expires",), {"expires": "2027-06-30"}),
        (key("k", 1), ("sha256",), {}),
        (key("k", note="secret plan"), ("note",), {}),
        (
            key("k", credentials={"openai": "env:A_NAME", "azure": "file:/a/path"}),
            ("credentials.openai", "credentials.azure"),
            {},
        ),
        (key("k", models=["gpt-*"], user="u"), ("user", "models"), {}),
    ],
    ids=["disabled", "end", "hash", "note", "credentials", "rights"],
)
def test_a_key_is_named_with_what_changed_and_nothing_secret(
    new: dict[str, Any], fields: tuple[str, ...], shown: dict[str, Any]
) -> None:
    [change] = differences(KeysFile, {"keys": [key("k")]}, {"keys": [new]})
    assert (change.kind, change.entry, change.fields, change.new) == ("changed", {"id": "k"}, fields, shown)
    assert not any(part in repr(change) for part in (*HASHES, "secret", "A_NAME", "/a/path"))


def test_another_credential_of_the_same_provider_is_one_changed_field() -> None:
    old, new = (key("k", credentials={"openai": f"env:{name}", "azure": "env:C"}) for name in ("A", "B"))
    [change] = differences(KeysFile, {"keys": [old]}, {"keys": [new]})
    assert change.fields == ("credentials.openai",)


def test_other_keys_of_a_file_are_named() -> None:
    rules = {"rules": [{"name": "r", **RULE}]}
    assert differences(RoutingFile, rules, {**rules, "opt_out_header": "X-Keep"}) == [
        Change("opt_out_header", "changed")
    ]


def test_a_model_that_has_two_prices_is_compared_one_by_one() -> None:
    prices = [{"provider": "p", "model": "m", "input": number, "output": 1} for number in (1, 2, 3)]
    [change] = differences(PricingFile, {"models": prices[:2]}, {"models": [prices[0], prices[2]]})
    assert (change.old, change.new) == ({"input": Decimal(2)}, {"input": Decimal(3)})


class Other(BaseModel):
    sources: dict[str, str] = {}
    things: list[str] = []


def test_a_file_that_nobody_has_described_shows_names_alone() -> None:
    old, new = {"sources": {"a": "secret", "b": "x"}}, {"sources": {"a": "other", "c": "y"}, "things": ["secret"]}
    assert differences(Other, old, new) == [
        Change("sources", "changed", {"key": "a"}),
        Change("sources", "removed", {"key": "b"}),
        Change("sources", "added", {"key": "c"}),
        Change("things", "changed"),
    ]


def test_namespaces_are_named() -> None:
    old, new = {"a": "x", "b": "x"}, {"a": "y"}
    assert differences(NamespaceMap, old, new) == [
        Change("", "changed", {"key": "a"}),
        Change("", "removed", {"key": "b"}),
    ]


@pytest.mark.parametrize("file", FILES)
def test_each_list_of_entries_of_a_file_is_described_with_fields_that_they_have(file: str) -> None:
    for name, info in FILES[file].model_fields.items():
        for entry in get_args(info.annotation):
            if get_origin(info.annotation) is list and isinstance(entry, type) and issubclass(entry, BaseModel):
                assert {*LISTS[name].named_by, *LISTS[name].shown} <= set(entry.model_fields)


def test_no_field_that_is_shown_could_hold_a_secret() -> None:
    assert not {"sha256", "credentials", "note"} & {name for entries in LISTS.values() for name in entries.shown}
