"""The API's pages of a log of the original ModelTrack are those of the same events in our form."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from modeltrack_api.collector.once import ids_since
from tests.modeltrack_api.queries.asking import Asking
from tests.original_log import ORIGINAL, OURS, SPENT

NOW = datetime(2026, 3, 31, 23, 59, tzinfo=UTC)
BUDGETS = [
    {"team": "product", "app": "", "monthly_limit": 2.0, "action": "block"},
    {"team": "ml-research", "app": "evals", "monthly_limit": 2.0, "action": "warn"},
]
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("overview", {}),
    *[("spend", {"granularity": name}) for name in ("hour", "day", "week", "month")],
    ("spend_summary", {}),
    ("teams", {}),
    ("models", {}),
    ("segments", {}),
    ("features", {}),
    ("feature", {"name": "chat"}),
    ("sessions", {}),
    ("session", {"id": "s-1"}),
    ("prompts", {}),
    ("prompts_summary", {}),
    ("events", {}),
    ("budgets", {}),
    ("cache", {}),
    ("routing", {}),
    ("infrastructure", {}),
    ("forecast", {}),
    ("executive", {}),
]


def asking(folder: Path, lines: list[bytes]) -> Asking:
    folder.mkdir()
    return Asking(folder, lines, BUDGETS)


@pytest.fixture
def both(tmp_path: Path) -> Any:
    pair = asking(tmp_path / "original", ORIGINAL), asking(tmp_path / "ours", OURS)
    yield pair
    for each in pair:
        each.close()


@pytest.mark.parametrize(("call", "args"), CALLS, ids=[" ".join([name, *args.values()]) for name, args in CALLS])
def test_a_page_is_equal_field_for_field(both: tuple[Asking, Asking], call: str, args: dict[str, Any]) -> None:
    original, ours = (each(call, now=NOW, **args) for each in both)
    assert original == ours
    assert original


def test_the_pages_say_what_the_log_says(both: tuple[Asking, Asking]) -> None:
    original, _ = both
    teams = {row["team"]: row["total_spend"] for row in original("teams")}
    expected = {team: Decimal(nanos).scaleb(-9) for (team, app), nanos in SPENT.items() if not app}
    assert teams == expected | {"": 0}
    assert original("overview", now=NOW)["total_requests"] == 7
    assert [budget["spend"] for budget in original("budgets", now=NOW)] == [
        expected["product"],
        expected["ml-research"],
    ]


def test_the_collector_takes_no_call_for_an_event_of_its_own(tmp_path: Path) -> None:
    log = tmp_path / "cost_events.jsonl"
    log.write_bytes(b"".join(line + b"\n" for line in ORIGINAL))
    since = datetime(2026, 3, 1, tzinfo=UTC)
    assert ids_since(log, since) == {json.loads(ORIGINAL[-1])["event_id"]}
