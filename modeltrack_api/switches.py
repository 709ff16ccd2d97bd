"""What cheaper models would have saved on the calls that there were."""

from typing import NamedTuple

from modeltrack_api.api import Ask
from modeltrack_api.catalogue import CATALOGUE, cheapest
from modeltrack_api.facts import LLM
from modeltrack_api.queries.common import COST_AND_TOKENS, dearest
from modeltrack_api.queries.rates import Rates

_MOST_MODELS = 20
"""The dearest ones, beyond which there is little left to save."""


class Switch(NamedTuple):
    provider: str
    model: str
    to: str
    cost_nanos: int
    saved_nanos: int
    """Of `cost_nanos`, by the part of the price that the other model charges for the same tokens."""


def switches(ask: Ask) -> list[Switch]:
    """Of each model used in the range, to the cheapest comparable one; most saved first."""
    rates = Rates(ask.app.prices, ask.now)
    listed = CATALOGUE.models(ask.app.prices, ask.app.pricing.value, ask.now)
    found = []
    for row in dearest(ask, "provider", "model", measures=COST_AND_TOKENS, event_type=LLM)[:_MOST_MODELS]:
        provider, model, cost = row["provider"], row["model"], row["cost_nanos"]
        tokens = row["input_tokens"], row["output_tokens"]
        other = cheapest(provider, model, tokens, rates, listed.get(provider, {}))
        if cost > 0 and other is not None:
            to, part = other
            found.append(Switch(provider, model, to.model, cost, round(cost * (1 - part))))
    return sorted(found, key=lambda switch: (-switch.saved_nanos, switch.model))
