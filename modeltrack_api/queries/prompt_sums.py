"""Prompts and their sums: one SELECT over the sums by day, whatever is asked about them."""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from modeltrack_api.store.measures import PROMPT_MEASURES
from modeltrack_api.store.sums import Row, by_days, series_where
from modeltrack_api.web.handler import Ask

MOST_PROMPTS = 1000

_AVG_SYSTEM = "1.0 * sum(system_tokens) / sum(requests)"
ORDERS = {
    "total_cost": "sum(cost_nanos)",
    "request_count": "sum(requests)",
    "avg_cost": "1.0 * sum(cost_nanos) / sum(requests)",
    "avg_system_tokens": _AVG_SYSTEM,
}
"""What prompts may be sorted by; the highest comes first, of equal ones the first by name."""

_RANKS = {
    "longest": _AVG_SYSTEM,
    "most_repeated": f"{_AVG_SYSTEM} * (sum(requests) - 1)",
}


@dataclass(frozen=True, slots=True)
class Prompt:
    id: str
    rows: list[Row]
    """One for each series, with its labels, sums, and `days`, on which there were requests."""
    total: dict[str, int]
    """By the names of PROMPT_MEASURES."""

    @property
    def requests(self) -> int:
        return self.total["requests"]

    @property
    def place(self) -> int:
        """In the order asked for, from 1 on."""
        return int(self.rows[0]["place"])

    @property
    def is_longest(self) -> bool:
        """Of all: the one with the longest system prompt."""
        return int(self.rows[0]["longest"]) == 1

    @property
    def is_most_repeated(self) -> bool:
        """Of all: the one whose system tokens came most often, but for the first time."""
        return int(self.rows[0]["most_repeated"]) == 1

    @property
    def count(self) -> int:
        """How many prompts there are."""
        return int(self.rows[0]["prompts"])


def summed(ask: Ask, order: str) -> list[Prompt]:
    """The first 1000 by a key of ORDERS; with them, behind, the longest and the most repeated of all."""
    source, parameters = by_days(ask.window, "prompts_daily", "prompt_facts", ("prompt_id",), tuple(PROMPT_MEASURES))
    where, wanted = series_where(ask.filters)
    sums = ", ".join(f"sum({name}) AS {name}" for name in PROMPT_MEASURES)
    ranks = ", ".join(
        f"row_number() OVER (ORDER BY {value} DESC, prompt_id) AS {name}"
        for name, value in {"place": ORDERS[order], **_RANKS}.items()
    )
    rows = ask.db.execute(
        f"WITH sums AS MATERIALIZED (SELECT prompt_id, series, count(*) AS days, {sums} FROM ({source})"
        f" WHERE series IN (SELECT id FROM series WHERE {where}) GROUP BY prompt_id, series),"
        f" ranked AS (SELECT prompt_id, {ranks}, count(*) OVER () AS prompts FROM sums GROUP BY prompt_id)"
        " SELECT sums.*, ranked.*, provider, model, team, feature FROM ranked JOIN sums USING (prompt_id)"
        " JOIN series s ON s.id = sums.series"
        f" WHERE place <= {MOST_PROMPTS} OR longest = 1 OR most_repeated = 1 ORDER BY place, s.id",
        [*parameters, *wanted],
    ).fetchall()
    return [_prompt(prompt, list(group)) for prompt, group in groupby(rows, _id)]


def _id(row: Row) -> Any:
    return row["prompt_id"]


def _prompt(prompt: str, rows: list[Row]) -> Prompt:
    return Prompt(prompt, rows, {name: sum(row[name] for row in rows) for name in PROMPT_MEASURES})
