"""The proxy's ledger reads a log of the original ModelTrack as it reads its own."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from addons.ledger.budgets import BudgetsFile
from addons.ledger.follower import LogFollower
from addons.ledger.log_reader import start_of
from addons.ledger.spend import Ledger, Spend
from tests.original_log import MONTH, ORIGINAL, OURS, SPENT

NOW = datetime(2026, 3, 31, 23, 59, tzinfo=UTC)
BUDGETS = [
    {"team": team, "app": app, "monthly_limit": 2.0, "action": action}
    for team, app, action in (("product", "", "block"), ("product", "chatbot", "warn"), ("ml-research", "", "block"))
]


def follower_of(folder: Path, lines: list[bytes]) -> LogFollower:
    log = folder / "cost_events.jsonl"
    log.write_bytes(b"".join(line + b"\n" for line in lines))
    return LogFollower(log)


def spend_of(folder: Path, lines: list[bytes]) -> Spend:
    follower = follower_of(folder, lines)
    spend = follower.spend_since(MONTH)
    follower.close()
    return spend


def standings(spend: Spend) -> list[dict[str, Any]]:
    """The budgets as /stats shows them."""
    ledger = Ledger(lambda: NOW, lambda: 0.0, lambda _: False)
    ledger.budgets = BudgetsFile.model_validate({"budgets": BUDGETS})
    ledger.restore(spend)
    return [standing.to_json() for standing in ledger.all_standings()]


@pytest.mark.parametrize("lines", [ORIGINAL, OURS], ids=["original", "ours"])
def test_the_spend_of_the_month_is_that_of_the_log(tmp_path: Path, lines: list[bytes]) -> None:
    spend = spend_of(tmp_path, lines)
    assert {account: spend.of(account, MONTH) for account in SPENT} == SPENT


def test_budgets_stand_where_those_of_our_own_log_do(tmp_path: Path) -> None:
    found = standings(spend_of(tmp_path, ORIGINAL))
    assert found == standings(spend_of(tmp_path, OURS))
    assert [budget["percent"] for budget in found] == [0.33, 0.32, 112.72]


def test_an_original_proxy_that_still_writes_to_the_log_is_followed(tmp_path: Path) -> None:
    follower = follower_of(tmp_path, [])
    assert follower.spend_since(MONTH).of(("product", ""), MONTH) == 0
    with (tmp_path / "cost_events.jsonl").open("ab") as log:
        log.writelines(line + b"\n" for line in ORIGINAL)
    assert follower.others_spend().of(("product", ""), MONTH) == SPENT["product", ""]
    follower.close()


def test_a_point_in_time_is_found_in_the_log(tmp_path: Path) -> None:
    follower_of(tmp_path, ORIGINAL).close()
    start = start_of(tmp_path / "cost_events.jsonl", datetime(2026, 3, 17, tzinfo=UTC))
    assert start == sum(len(line) + 1 for line in ORIGINAL[:4])
