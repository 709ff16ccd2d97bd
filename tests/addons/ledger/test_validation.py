import json
import re
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from addons.ledger.validation import parse_model
from addons.ledger.watched import ConfigError, WatchedFile


class Size(Enum):
    SMALL = "small"


class Budget(BaseModel):
    model_config = ConfigDict(extra="forbid")

    team: str = Field(min_length=1)
    monthly_limit: Decimal = Field(gt=0)
    action: Literal["block", "warn"] = "block"
    size: Size = Size.SMALL

    @field_validator("team")
    @classmethod
    def _lower(cls, team: str) -> str:
        if team != team.lower():
            raise ValueError("is not in lower case")
        return team


class Budgets(BaseModel):
    budgets: list[Budget]


GOOD = {"team": "a", "monthly_limit": 1}


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ({"monthly_limit": -3}, "budgets.2.monthly_limit: must be greater than 0"),
        ({"monthly_limit": "x"}, "budgets.2.monthly_limit: must be a valid decimal"),
        ({"action": "deny"}, "budgets.2.action: must be 'block' or 'warn', not 'deny'"),
        ({"action": "d" * 99}, f"budgets.2.action: must be 'block' or 'warn', not '{'d' * 59}"),
        ({"size": 5}, "budgets.2.size: must be 'small', not 5"),
        ({"team": ""}, "budgets.2.team: must have at least 1 character"),
        ({"team": 5}, "budgets.2.team: must be a valid string"),
        ({"team": "A"}, "budgets.2.team: is not in lower case"),
        ({"tema": "a"}, "budgets.2.tema: unknown key"),
        ({"tema": "a", "action": "", "team": None}, "budgets.2.team: must be a valid string (and 2 more)"),
    ],
)
def test_validation_message(budget: dict[str, Any], message: str) -> None:
    data = json.dumps({"budgets": [GOOD, GOOD, GOOD | budget]}).encode()
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_model(Budgets, data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{}", "budgets: is required"),
        (b"[]", "must be an object"),
        (b"", "not valid JSON: Expecting value, line 1 column 1"),
        (b'{\n "budgets": [\n    }', "not valid JSON: Expecting value, line 3 column 5"),
        (b'{"budgets": []} x', "not valid JSON: Extra data, line 1 column 17"),
        (b'{"budgets": NaN}', "NaN is not valid JSON"),
        (b'{"budgets": -Infinity}', "-Infinity is not valid JSON"),
        (b'{"budgets": [], "budgets": []}', "duplicate key 'budgets'"),
        (b'{"budgets": "\xff"}', "not UTF-8 text, at byte 13"),
        ('{"budgets": []}'.encode("utf-16"), "not UTF-8 text, at byte 0"),
        (b'{"budgets": ' + b"[" * 100_000, "not valid JSON: nested too deeply"),
    ],
)
def test_what_is_not_good_json(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_model(Budgets, data)


def test_a_byte_order_mark_is_no_mistake() -> None:
    assert parse_model(Budgets, b'\xef\xbb\xbf{"budgets": []}') == Budgets(budgets=[])


def test_a_model_and_its_file(tmp_path: Path) -> None:
    path = tmp_path / "budgets.json"
    path.write_bytes(b'{"budgets": [{"team": "a", "monthly_limit": 0}]}')
    file = WatchedFile(path, lambda data: parse_model(Budgets, data))
    with pytest.raises(ConfigError, match=r"^budgets.json: budgets.0.monthly_limit: must be greater than 0$"):
        file.load()
