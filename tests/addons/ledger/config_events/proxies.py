"""Watch budgets.json and note its changes, as a proxy does, without its thread."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from addons.ledger.budgets import BudgetsFile
from addons.ledger.config_events.event import LOG_NAME
from addons.ledger.config_events.log import ConfigLog
from addons.ledger.validation import parse_model
from addons.ledger.watched import WatchedFile

_seconds = count()


def now() -> datetime:
    """Return a time that is a second later at each call."""
    return datetime(2026, 11, 10, tzinfo=UTC) + timedelta(seconds=next(_seconds))


class Watching:
    def __init__(self, folder: Path) -> None:
        parse = partial(parse_model, BudgetsFile)
        self.file = WatchedFile(folder / "budgets.json", parse, lambda: BudgetsFile())
        self.log = ConfigLog(folder, [self.file], now)
        self.file.load()

    def tick(self) -> None:
        self.file.check()
        self.log.tick()


def save(folder: Path, limit: int) -> None:
    """Write budgets.json with one budget of this limit."""
    budgets = [{"team": "t", "monthly_limit": limit, "action": "block"}]
    (folder / "budgets.json").write_text(json.dumps({"budgets": budgets}))


def lines(folder: Path) -> list[dict[str, Any]]:
    path = folder / LOG_NAME
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def noted(folder: Path) -> list[tuple[str, int | None]]:
    """Return the kind of each line, and the limit that it says is new."""
    found = []
    for line in lines(folder):
        changes = line["changes"] or [{}]
        found.append((line["kind"], changes[0].get("new", {}).get("monthly_limit")))
    return found
