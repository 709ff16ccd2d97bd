"""GET /api/prompts and /api/prompts/summary."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from modeltrack_api.amounts import average, usd
from modeltrack_api.prices.cheaper_models import CheaperModels
from modeltrack_api.prices.prompt_savings import Suggestion, Use, suggestions
from modeltrack_api.queries.common import NOTHING, added, joined, left_out, spent, spent_each
from modeltrack_api.queries.prompt_sums import MOST_PROMPTS, Prompt, summed
from modeltrack_api.store.measures import PROMPT_MEASURES
from modeltrack_api.store.sums import Row
from modeltrack_api.web.handler import Ask


def prompts(ask: Ask) -> list[dict[str, Any]]:
    """Return at most 1000 prompts. Averages of tokens are over all requests of a prompt, hits included; system and user
    tokens are estimated by characters.

    `potential_savings` adds up, over the models that a prompt is used with, the most that one of the suggestions would
    have saved by today's prices. The suggestions for one model overlap, so these are not added up. It is null where the
    prompt's cost is not known.
    """
    adviser = _Adviser(ask)
    return [_row(prompt, adviser) for prompt in summed(ask, ask.args["sort_by"]) if prompt.place <= MOST_PROMPTS]


def prompts_summary(ask: Ask) -> dict[str, Any]:
    """Return what stands out among the prompts. The most cacheable one is that whose calls repeated most system tokens:
    those of all its calls but one. `potential_savings` is the sum of what `prompts` says, for the 1000 dearest prompts.
    """
    found = summed(ask, "total_cost")
    if not found:
        names = ("most_expensive_prompt", "longest_system_prompt", "most_cacheable")
        return {"total_unique_prompts": 0, **dict.fromkeys(names), "potential_savings": usd(0), **left_out(NOTHING)}
    adviser = _Adviser(ask)
    dearest, longest, repeated = (
        found[0],
        next(prompt for prompt in found if prompt.is_longest),
        next(prompt for prompt in found if prompt.is_most_repeated),
    )
    saved = sum(_saved(adviser.on(prompt)) for prompt in found if prompt.place <= MOST_PROMPTS)
    whole = added(prompt.total for prompt in found)
    return {
        "total_unique_prompts": dearest.count,
        "most_expensive_prompt": {"id": dearest.id, "total_cost": spent(dearest.total), **left_out(dearest.total)},
        "longest_system_prompt": {
            "id": longest.id,
            "avg_system_tokens": average(longest.total["system_tokens"], longest.requests),
        },
        "most_cacheable": {"id": repeated.id, "request_count": repeated.requests},
        "potential_savings": None if spent(whole) is None else usd(saved),
        **left_out(whole),
    }


def _row(prompt: Prompt, adviser: "_Adviser") -> dict[str, Any]:
    total, requests, suggested = prompt.total, prompt.requests, adviser.on(prompt)
    return {
        "prompt_id": prompt.id,
        "request_count": requests,
        "total_cost": spent(total),
        "avg_cost_per_request": spent_each(total),
        **left_out(total),
        "avg_system_tokens": average(total["system_tokens"], requests),
        "avg_user_tokens": average(total["user_tokens"], requests),
        "avg_output_tokens": average(total["output_tokens"], requests),
        "models_used": joined(row["model"] for row in prompt.rows),
        "features": joined(row["feature"] for row in prompt.rows),
        "teams": joined(row["team"] for row in prompt.rows),
        "optimization_suggestions": [each.text for found in suggested for each in found],
        "potential_savings": None if spent(total) is None else usd(_saved(suggested)),
    }


class _Adviser:
    def __init__(self, ask: Ask) -> None:
        self._prices, self._now = ask.app.prices, ask.now
        self._cheaper = CheaperModels.of(ask)

    def on(self, prompt: Prompt) -> list[list[Suggestion]]:
        """Return the suggestions for each model that the prompt is used with."""
        by_model: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in prompt.rows:
            by_model[row["provider"], row["model"]].append(row)
        return [
            list(suggestions(_use(*name, rows), self._prices.rates(*name, self._now), self._cheaper))
            for name, rows in by_model.items()
        ]


def _saved(suggested: Iterable[list[Suggestion]]) -> int:
    return sum(max((each.nanos for each in found), default=0) for found in suggested)


def _use(provider: str, model: str, rows: list[Row]) -> Use:
    total = {name: sum(row[name] for row in rows) for name in PROMPT_MEASURES}
    return Use(
        provider=provider,
        model=model,
        cost_nanos=total["cost_nanos"],
        calls=total["paid"],
        days=max(row["days"] for row in rows),
        system_tokens=total["system_tokens"] // total["requests"],
        input_tokens=total["paid_input_tokens"],
        cached_tokens=total["paid_cached_tokens"],
        output_tokens=total["paid_output_tokens"],
    )
