"""What cheaper models would have saved on the calls that there were."""

from collections.abc import Iterable, Mapping
from heapq import nlargest
from operator import itemgetter
from typing import Any, NamedTuple

from modeltrack_api.prices.catalogue import CATALOGUE, cheapest
from modeltrack_api.prices.rates import Rates
from modeltrack_api.web.handler import Ask

_MOST_MODELS = 20
"""The dearest ones, beyond which there is little left to save."""


class Switch(NamedTuple):
    provider: str
    model: str
    to: str
    cost_nanos: int
    saved_nanos: int
    """Of `cost_nanos`, by the part of the price that the other model charges for the same tokens."""


def switches(ask: Ask, used: Iterable[Mapping[str, Any]]) -> list[Switch]:
    """Of each of these sums by provider and model, to the cheapest comparable model; most saved first."""
    rates = Rates(ask.app.prices, ask.now)
    listed = CATALOGUE.models(ask.app.pricing.value, ask.now)
    found = []
    for sums in nlargest(_MOST_MODELS, used, key=itemgetter("cost_nanos")):
        provider, model, cost = sums["provider"], sums["model"], sums["cost_nanos"]
        tokens = sums["input_tokens"], sums["output_tokens"]
        other = cheapest(provider, model, tokens, rates, listed.get(provider, {}))
        if cost > 0 and other is not None:
            to, part = other
            found.append(Switch(provider, model, to.model, cost, round(cost * (1 - part))))
    return sorted(found, key=lambda switch: (-switch.saved_nanos, switch.model, switch.provider))
