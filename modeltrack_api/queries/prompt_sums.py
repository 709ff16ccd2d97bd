"""Sum up prompts, in one SELECT over the sums by day that serves every question about prompts."""

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
    "avg_cost": "coalesce(1.0 * sum(cost_nanos) / nullif(sum(requests) - sum(unpriced), 0), 0)",
    "avg_system_tokens": _AVG_SYSTEM,
}
"""The SQL for each order of prompts. The highest value comes first; equal ones are in order of their ids."""

_RANKS = {
    "longest": _AVG_SYSTEM,
    "most_repeated": f"{_AVG_SYSTEM} * (sum(requests) - 1)",
}


@dataclass(frozen=True, slots=True)
class Prompt:
    id: str
    rows: list[Row]
    """One row for each series, with its labels, its sums, and `days`: the number of days with requests."""
    total: dict[str, int]
    """The sums over all rows, by the names of PROMPT_MEASURES."""

    @property
    def requests(self) -> int:
        return self.total["requests"]

    @property
    def place(self) -> int:
        """Return the place in the order asked for; the first is 1."""
        return int(self.rows[0]["place"])

    @property
    def is_longest(self) -> bool:
        """Tell whether this one has the longest system prompt of all."""
        return int(self.rows[0]["longest"]) == 1

    @property
    def is_most_repeated(self) -> bool:
        """Tell whether this one repeated the most system tokens of all, not counting the first time."""
        return int(self.rows[0]["most_repeated"]) == 1

    @property
    def count(self) -> int:
        """Return how many prompts there are in all."""
        return int(self.rows[0]["prompts"])


def summed(ask: Ask, order: str) -> list[Prompt]:
    """Return the first 1000 prompts in an order of ORDERS; the longest and the most repeated are always included."""
    keys, measures = ("prompt_id",), tuple(PROMPT_MEASURES)
    source, parameters = by_days(ask.window, "prompts_daily", "prompt_facts", keys, measures, ask.filters)
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
