"""Make a database from log lines, and ask it questions without the server."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from addons.ledger.budgets import BudgetsFile
from addons.ledger.money import to_decimal_text
from modeltrack_api import queries
from modeltrack_api.app import App
from modeltrack_api.forecasting import estimator, forecast
from modeltrack_api.reports import executive
from modeltrack_api.settings import ApiSettings
from modeltrack_api.store.sums import ANY, Filters
from modeltrack_api.utc import ALWAYS, Window, micros
from modeltrack_api.web.handler import Ask, Reply, dumps

NOW = datetime(2026, 4, 3, 15, 30, tzinfo=UTC)
"""A Friday."""

DEFAULTS: dict[str, dict[str, Any]] = {
    "spend": {"granularity": "day"},
    "sessions": {"trace_id": None, "limit": 100},
    "prompts": {"sort_by": "total_cost"},
    "events": {"limit": 100, "cursor": None},
    "forecast": {"horizon_days": 90, "granularity": "day"},
    "executive": {"period": "monthly"},
    "executive_export": {"period": "monthly", "format": "json"},
}
_MODULES = (queries, forecast, estimator, executive)


ALL_PRICED = {"unpriced_requests": 0, "unpriced_usage_requests": 0}
"""What stands beside a sum of money from which nothing is missing."""

USD = 10**9
"""A US dollar in nano-USD."""

Database = Callable[..., "Asking"]
"""Makes a database from lines, with `budgets` as in budgets.json."""


def at(day: str, time: str = "12:00") -> datetime:
    return datetime.fromisoformat(f"{day}T{time}+00:00")


def between(start: str, end: str) -> Window:
    """Return the range from the one day to the other; both are included."""
    return Window(micros(at(start, "00:00")), micros(at(end, "00:00")) + 24 * 3600 * 10**6)


class Asking:
    def __init__(self, folder: Path, lines: Iterable[bytes] = (), budgets: Iterable[dict[str, Any]] = ()) -> None:
        self.app = App(ApiSettings(data_dir=folder, db_path=folder / "modeltrack.db"))
        self.app.budgets.value = BudgetsFile.model_validate({"budgets": list(budgets)})
        self.app.pricing.load()
        self.app.store.open()
        self._log = folder / "cost_events.jsonl"
        self.add(lines)

    def add(self, lines: Iterable[bytes]) -> None:
        with self._log.open("ab") as log:
            log.writelines(line + b"\n" for line in lines)
        assert self.app.ingest.catch_up()

    def __call__(
        self,
        call: str,
        /,
        window: Window | None = None,
        filters: Filters = ANY,
        now: datetime = NOW,
        body: Any = None,
        **args: Any,
    ) -> Any:
        """Return the data that a client would read, with money as Decimal. A `Reply` is returned as is."""
        with self.app.store.reading() as db:
            args = DEFAULTS.get(call, {}) | args
            ask = Ask(self.app, db, now, window or ALWAYS, window is not None, filters, args, body)
            handler = next(getattr(module, call) for module in _MODULES if hasattr(module, call))
            answer = handler(ask)
            return answer if isinstance(answer, Reply) else as_read(answer)

    def close(self) -> None:
        self.app.store.close()


def as_read(answer: Any) -> Any:
    """Return the answer with numbers that have a point as Decimal, so that comparisons see no rounding."""
    return json.loads(dumps(answer), parse_float=Decimal)


def line(moment: datetime, number: int, nanos: int | None, **members: Any) -> bytes:
    """Return a call's line in the log; its id is made from `number`."""
    members = {
        "event_id": f"00000000-0000-4000-8000-{number:012x}",
        "timestamp": moment.isoformat().replace("+00:00", "Z"),
        "event_type": "llm_api",
        "cost_usd": money(nanos),
        **members,
    }
    return orjson.dumps(members)


def money(nanos: int | None) -> Any:
    return None if nanos is None else orjson.Fragment(to_decimal_text(nanos))


def calls(*described: tuple[str, int | None, dict[str, Any]]) -> list[bytes]:
    """Return log lines of calls, each described by its day, cost in nano-USD and members."""
    return [line(at(day), number, nanos, **members) for number, (day, nanos, members) in enumerate(described)]
