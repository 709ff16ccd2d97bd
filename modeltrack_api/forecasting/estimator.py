"""GET /api/estimator/models and POST /api/estimator/calculate: what calls would cost, at the prices of today."""

import math
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from addons.llm.usage import Usage
from modeltrack_api.amounts import usd
from modeltrack_api.prices.catalogue import CATALOGUE, Models
from modeltrack_api.prices.cheaper_models import CheaperModels
from modeltrack_api.queries.common import left_out, spent, spent_each
from modeltrack_api.store.measures import BILLED, COST, INPUT
from modeltrack_api.store.sums import Row, totals
from modeltrack_api.utc import DAY, Window, micros
from modeltrack_api.web.handler import ApiError, Ask
from modeltrack_api.web.params import checked

DEFAULT_CACHE_HIT_RATE = 0.3
"""An assumption. GET /api/cache tells what ModelTrack's cache really answers."""

MONTH = 30
_DAYS = {"daily_cost": 1, "weekly_cost": 7, "monthly_cost": MONTH, "quarterly_cost": 90, "annual_cost": 365}

_MOST_COMPARABLE, _MOST_IN_USE, _MOST_FEATURES = 11, 5, 5
_SIMILAR = 3
"""A feature is similar if its calls have at most three times the tokens, and at least a third of them."""

_POPULAR = {
    "anthropic": ("claude-opus-4-6", "claude-sonnet-4-6", "claude-haiku-4-5"),
    "openai": ("gpt-4o", "gpt-4o-mini", "gpt-5", "gpt-5-mini", "gpt-5-nano"),
}
"""These are compared with any model, as long as they have a price."""

_Tokens = Annotated[int, Field(strict=True, ge=0, le=10**8)]
_Name = Annotated[str, Field(min_length=1, max_length=256)]


class Plan(BaseModel):
    """The body of the call. Without a `provider` the model is looked for at all of them, in the order of the list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: _Name
    provider: _Name | None = None
    avg_input_tokens: _Tokens
    avg_output_tokens: _Tokens
    requests_per_day: Annotated[float, Field(strict=True, ge=0, le=10**9, allow_inf_nan=False)]
    cache_hit_rate: Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)] = DEFAULT_CACHE_HIT_RATE
    """The part of the calls that ModelTrack's cache answers, 0 to 1; those cost nothing."""

    @property
    def usage(self) -> Usage:
        return Usage(input_tokens=self.avg_input_tokens, output_tokens=self.avg_output_tokens)


class _Offer(NamedTuple):
    provider: str
    model: str
    nanos: int
    """Nano-USD of one call."""


def estimator_models(ask: Ask) -> list[dict[str, Any]]:
    """Return all models with a price, in USD per million tokens of short calls. Some cost more in long calls, which an
    estimate takes into account.
    """
    return [
        {
            "provider": listed.provider,
            "model": listed.model,
            "input_per_mtok": listed.rates.input,
            "output_per_mtok": listed.rates.output,
        }
        for models in _models(ask).values()
        for listed in models.values()
    ]


def estimator_calculate(ask: Ask) -> dict[str, Any]:
    """Return what the calls of a plan would cost, and what they would cost with other models. A month has 30 days, a
    year 365. A wrong body, or a model without a price, is answered with 400 and the name of the field.

    `with_caching` is about ModelTrack's own cache, whose hits cost nothing. `savings_vs_no_cache` and
    `savings_vs_selected` are amounts of a month; the latter is below 0 for a dearer model. The comparison has the model
    that was asked for, comparable ones, those in use here and popular ones, cheapest first. `similar_features` are the
    features whose calls of the last 30 days have about as many tokens, nearest first.
    """
    plan = checked(Plan, ask.body)
    selected = _selected(ask, plan)
    each = usd(selected.nanos)
    hit_rate, per_day = Decimal(repr(plan.cache_hit_rate)), Decimal(repr(plan.requests_per_day))
    cached, monthly = each * (1 - hit_rate), each * per_day * MONTH
    return {
        "estimate": {"cost_per_request": each} | {name: each * per_day * days for name, days in _DAYS.items()},
        "with_caching": {
            "cost_per_request": cached,
            "daily_cost": cached * per_day,
            "monthly_cost": cached * per_day * MONTH,
            "savings_vs_no_cache": monthly * hit_rate,
            "savings_pct": round(plan.cache_hit_rate * 100, 2) if monthly else 0.0,
            "cache_hit_rate": plan.cache_hit_rate,
        },
        "model_comparison": [
            {
                "model": offer.model,
                "provider": offer.provider,
                "cost_per_request": usd(offer.nanos),
                "monthly_cost": usd(offer.nanos) * per_day * MONTH,
                "is_selected": offer == selected,
                "savings_vs_selected": monthly - usd(offer.nanos) * per_day * MONTH,
            }
            for offer in _compared(ask, plan, selected)
        ],
        "similar_features": list(_similar_features(ask, plan)),
    }


def _models(ask: Ask) -> Models:
    return CATALOGUE.models(ask.app.pricing.value, ask.now)


def _offer(ask: Ask, plan: Plan, provider: str, model: str) -> _Offer | None:
    nanos = ask.app.prices.cost(provider, model, plan.usage, ask.now)
    return None if nanos is None else _Offer(provider, model, nanos)


def _selected(ask: Ask, plan: Plan) -> _Offer:
    listed = _models(ask)
    if plan.provider is not None and plan.provider not in listed:
        raise ApiError(400, f"provider: must be one of {', '.join(listed)}, not {plan.provider[:50]!r}")
    providers = [plan.provider] if plan.provider else _providers(ask, plan.model)
    for provider in providers:
        if found := _offer(ask, plan, provider, plan.model):
            return found
    raise ApiError(400, f"model: {plan.model[:80]!r} has no known price; GET /api/estimator/models lists those that do")


def _providers(ask: Ask, model: str) -> list[str]:
    """Return all providers, those first that list the very name: a name may also be found by what it begins with."""
    listed = _models(ask)
    return sorted(listed, key=lambda provider: model not in listed[provider])


def _compared(ask: Ask, plan: Plan, selected: _Offer) -> list[_Offer]:
    """Return what the models compared would cost, without those that cannot take as many tokens."""
    listed = _models(ask)
    tokens = plan.avg_input_tokens + plan.avg_output_tokens

    def offers(names: Iterable[tuple[str, str]]) -> list[_Offer]:
        found = (
            _offer(ask, plan, provider, model)
            for provider, model in names
            if not (known := listed.get(provider, {}).get(model)) or (known.context_window or tokens) >= tokens
        )
        return sorted(filter(None, found), key=lambda offer: (offer.nanos, offer.model, offer.provider))

    family = CheaperModels.of(ask).comparable(selected.provider, selected.model)
    popular = ((provider, model) for provider, models in _POPULAR.items() for model in models)
    return sorted(
        {
            selected,
            *offers((other.provider, other.model) for other in family)[:_MOST_COMPARABLE],
            *offers(_in_use(ask)),
            *offers(popular),
        },
        key=lambda offer: (offer.nanos, offer.model, offer.provider),
    )


def _in_use(ask: Ask) -> list[tuple[str, str]]:
    """Return the models on which most was spent lately."""
    rows = totals(ask.db, _recent(ask), by=("provider", "model"), order="cost_nanos DESC, provider, model")
    return [(row["provider"], row["model"]) for row in rows[:_MOST_IN_USE]]


def _similar_features(ask: Ask, plan: Plan) -> Iterator[dict[str, Any]]:
    measures = (*COST, *BILLED, "blocked", "cache_hits")
    near = []
    for row in totals(ask.db, _recent(ask), by=("feature",), measures=measures):
        distance = _distance(plan, row) if row["feature"] else None
        if distance is not None:
            near.append((distance, row["feature"], row))
    for _, feature, row in sorted(near, key=lambda item: item[:2])[:_MOST_FEATURES]:
        yield {
            "feature": feature,
            "avg_cost_per_request": spent_each(row),
            "monthly_cost": spent(row),
            "request_count": row["requests"],
            **left_out(row),
        }


def _distance(plan: Plan, row: Row) -> float | None:
    """Return how far the average call is from the plan: the factors of tokens in and out, on a logarithmic scale. None:
    it is not similar. All input counts, whether it was cached or not; hits and refused calls do not.
    """
    calls = row["requests"] - row["blocked"] - row["cache_hits"]
    if not calls:
        return None
    pairs = ((plan.avg_input_tokens, sum(row[name] for name in INPUT)), (plan.avg_output_tokens, row["output_tokens"]))
    factors = [abs(math.log((asked + 1) / (total / calls + 1))) for asked, total in pairs]
    return sum(factors) if max(factors) <= math.log(_SIMILAR) else None


def _recent(ask: Ask) -> Window:
    """Return the window of the last 30 days, today included."""
    tomorrow = micros(ask.now) // DAY * DAY + DAY
    return Window(tomorrow - MONTH * DAY, tomorrow)
