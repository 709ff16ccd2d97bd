"""GET /api/prompts and /api/prompts/summary."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from modeltrack_api.api import Ask, usd, usd_each
from modeltrack_api.facts import LLM, Row, by_days, series_where
from modeltrack_api.queries.common import average, joined
from modeltrack_api.queries.suggestions import Suggestion, Use, suggestions
from modeltrack_api.store import PROMPT_MEASURES

MOST_PROMPTS = 1000
"""Listed; and the summary's `potential_savings` is that of the dearest so many."""

_AVG_SYSTEM = "1.0 * sum(system_tokens) / sum(requests)"
ORDERS = {
    "total_cost": "sum(cost_nanos)",
    "request_count": "sum(requests)",
    "avg_cost": "1.0 * sum(cost_nanos) / sum(requests)",
    "avg_system_tokens": _AVG_SYSTEM,
}
"""What `sort_by` may be; the highest comes first, of equal ones the first by name."""

_REPEATED = f"{_AVG_SYSTEM} * (sum(requests) - 1)"

_Models = Mapping[str, Collection[str]]
"""Those in use, by provider."""


def prompts(ask: Ask) -> list[dict[str, Any]]:
    """At most 1000. Averages are over all its requests; system and user tokens are estimates, by characters.

    `potential_savings` is, for each model, the most that one of the suggestions would have saved by today's prices:
    they overlap, so they are not added up.
    """
    models = _models_in_use(ask)
    return [_row(ask, prompt, rows, models) for prompt, rows in _by_prompt(ask, ORDERS[ask.args["sort_by"]])]


def prompts_summary(ask: Ask) -> dict[str, Any]:
    """The most cacheable prompt is the one whose calls repeated most system tokens, those of all calls but one.

    `potential_savings` is the sum of what `prompts` says, for the 1000 dearest prompts.
    """
    dearest, longest, repeated = (_first(ask, order) for order in (ORDERS["total_cost"], _AVG_SYSTEM, _REPEATED))
    models = _models_in_use(ask)
    saved = sum(_saved(_suggested(ask, rows, models)) for _, rows in _by_prompt(ask, ORDERS["total_cost"]))
    return {
        "total_unique_prompts": dearest["prompts"] if dearest else 0,
        "most_expensive_prompt": dearest and {"id": dearest["prompt_id"], "total_cost": usd(dearest["cost_nanos"])},
        "longest_system_prompt": longest
        and {
            "id": longest["prompt_id"],
            "avg_system_tokens": average(longest["system_tokens"], longest["requests"]),
        },
        "most_cacheable": repeated and {"id": repeated["prompt_id"], "request_count": repeated["requests"]},
        "potential_savings": usd(saved),
    }


def _sums(ask: Ask) -> tuple[str, list[Any]]:
    """A SELECT, and its parameters: one row for each prompt and series; `days` are those with requests."""
    source, parameters = by_days(ask.window, "prompts_daily", "prompt_facts", ("prompt_id",), tuple(PROMPT_MEASURES))
    where, wanted = series_where(ask.filters)
    columns = ", ".join(f"sum({name}) AS {name}" for name in PROMPT_MEASURES)
    sql = (
        f"SELECT prompt_id, series, count(*) AS days, {columns} FROM ({source})"
        f" WHERE series IN (SELECT id FROM series WHERE {where}) GROUP BY prompt_id, series"
    )
    return sql, [*parameters, *wanted]


def _by_prompt(ask: Ask, order: str) -> Iterator[tuple[str, list[Row]]]:
    """The first prompts in this order, each with its sums by series."""
    sums, parameters = _sums(ask)
    rows = ask.db.execute(
        f"WITH sums AS MATERIALIZED ({sums}), ranked AS ("
        f" SELECT prompt_id, row_number() OVER (ORDER BY {order} DESC, prompt_id) AS place FROM sums GROUP BY prompt_id"
        f" ORDER BY place LIMIT {MOST_PROMPTS}"
        ") SELECT sums.*, provider, model, team, feature FROM ranked JOIN sums USING (prompt_id)"
        " JOIN series s ON s.id = sums.series ORDER BY place, s.id",
        parameters,
    )
    for prompt, group in groupby(rows, lambda row: str(row["prompt_id"])):
        yield prompt, list(group)


def _first(ask: Ask, order: str) -> Row | None:
    """The prompt with the highest, if that is above 0; and how many prompts there are."""
    sums, parameters = _sums(ask)
    columns = ", ".join(f"sum({name}) AS {name}" for name in ("requests", "cost_nanos", "system_tokens"))
    row: Row | None = ask.db.execute(
        f"SELECT prompt_id, {columns}, {order} AS value, count(*) OVER () AS prompts FROM ({sums})"
        " GROUP BY prompt_id ORDER BY value DESC, prompt_id LIMIT 1",
        parameters,
    ).fetchone()
    return row


def _row(ask: Ask, prompt: str, rows: list[Row], models: _Models) -> dict[str, Any]:
    total = {name: sum(row[name] for row in rows) for name in PROMPT_MEASURES}
    requests = total["requests"]
    suggested = _suggested(ask, rows, models)
    return {
        "prompt_id": prompt,
        "request_count": requests,
        "total_cost": usd(total["cost_nanos"]),
        "avg_cost_per_request": usd_each(total["cost_nanos"], requests),
        "avg_system_tokens": average(total["system_tokens"], requests),
        "avg_user_tokens": average(total["user_tokens"], requests),
        "avg_output_tokens": average(total["output_tokens"], requests),
        "models_used": joined(row["model"] for row in rows),
        "features": joined(row["feature"] for row in rows),
        "teams": joined(row["team"] for row in rows),
        "optimization_suggestions": [each.text for found in suggested for each in found],
        "potential_savings": usd(_saved(suggested)),
    }


def _suggested(ask: Ask, rows: Iterable[Row], models: _Models) -> list[list[Suggestion]]:
    """For each model that the prompt is used with."""
    by_model: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        by_model[row["provider"], row["model"]].append(row)
    return [
        list(suggestions(_use(provider, model, rows), ask.app.prices, models.get(provider, ()), ask.now))
        for (provider, model), rows in by_model.items()
    ]


def _saved(suggested: Iterable[list[Suggestion]]) -> int:
    return sum(max((each.nanos for each in found), default=0) for found in suggested)


def _use(provider: str, model: str, rows: list[Row]) -> Use:
    total = {name: sum(row[name] for row in rows) for name in PROMPT_MEASURES}
    calls = total["paid"] or 1
    return Use(
        provider=provider,
        model=model,
        cost_nanos=total["cost_nanos"],
        calls=total["paid"],
        days=max(row["days"] for row in rows),
        system_tokens=round(total["system_tokens"] / total["requests"]),
        input_tokens=round(total["paid_input_tokens"] / calls),
        cached_tokens=round(total["paid_cached_tokens"] / calls),
        output_tokens=round(total["paid_output_tokens"] / calls),
    )


def _models_in_use(ask: Ask) -> _Models:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in ask.db.execute("SELECT DISTINCT provider, model FROM series WHERE event_type = ? ORDER BY 1, 2", (LLM,)):
        found[row["provider"]].append(row["model"])
    return found
