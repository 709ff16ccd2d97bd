"""The one rule that says which cheaper model could stand in for which, and what it would have saved.

A model is comparable with those of the same provider and family (see `modeltrack_api.prices.families`). The rule names
the one of them that charges least for the same tokens. Whether it answers as well is not known: nothing here compares
quality.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from heapq import nlargest
from operator import itemgetter
from typing import Any, NamedTuple

from addons.llm.prices.pricing import Prices
from addons.llm.usage import Usage
from modeltrack_api.amounts import about
from modeltrack_api.prices.catalogue import CATALOGUE, Listed, Models
from modeltrack_api.prices.families import family_of, region_of
from modeltrack_api.store.measures import INPUT
from modeltrack_api.web.handler import Ask

ASSUMING = "at today's mix of tokens"
NOT_COMPARED = "quality was not compared"
"""Two phrases that texts for people add to the amount that a cheaper model would have saved."""

_MOST_MODELS = 20
"""So many models in use are looked at, the most expensive first: there is little to save on the others."""

_CHEAPER = 0.9
"""A change is worth it if the other model costs at most this part."""

_LONGEST_NAME = 80


class Switch(NamedTuple):
    """A change to the cheapest comparable model."""

    provider: str
    model: str
    to: str
    cost_nanos: int
    """The cost of the calls with `model`, in nano-USD."""
    saved_nanos: int
    """The part of `cost_nanos` that the other model would have saved, by its price for the same tokens."""

    @property
    def change(self) -> str:
        return f"{_shortened(self.to)} in place of {_shortened(self.model)} ({self.provider})"

    @property
    def advice(self) -> str:
        return (
            f"Try {self.change}: {ASSUMING} it would have saved about {about(self.saved_nanos)} of"
            f" {about(self.cost_nanos)}; {NOT_COMPARED}."
        )


class CheaperModels:
    """Applies the rule, by the prices of one moment."""

    def __init__(self, prices: Prices, models: Models, now: datetime) -> None:
        self._prices = prices
        self._models = models
        self._now = now

    @classmethod
    def of(cls, ask: Ask) -> "CheaperModels":
        return cls(ask.app.prices, CATALOGUE.models(ask.app.pricing.value, ask.now), ask.now)

    def comparable(self, provider: str, model: str) -> Iterator[Listed]:
        """Yield the models of the same provider and family, the model itself included where it is listed."""
        price = self._prices.find(provider, model)
        rates = self._prices.rates(provider, model, self._now)
        family = family_of(price, rates) if price and rates else None
        if price is None or family is None:
            return
        region = region_of(price)
        for other in self._models[provider].values():
            if other.family == family:
                yield other._replace(model=region + other.model)

    def cheapest(self, provider: str, model: str, tokens: tuple[int, int]) -> tuple[Listed, float] | None:
        """Return the comparable model that charges least for these tokens (in, out), and its part of the cost.

        None where no comparable one is clearly cheaper, or the model has no price. Both costs are those of uncached
        tokens in short calls: what caches change about the one price is taken to change the other alike.
        """
        usage = Usage(*tokens)
        rates = self._prices.rates(provider, model, self._now)
        before = rates.cost(usage) if rates else 0
        costs = [(other.rates.cost(usage), other.model, other) for other in self.comparable(provider, model)]
        if not before or not costs:
            return None
        cost, _, found = min(costs, key=itemgetter(0, 1))
        part = float(cost / before)
        return (found, part) if part <= _CHEAPER else None

    def switch(self, provider: str, model: str, cost_nanos: int, tokens: tuple[int, int]) -> Switch | None:
        """Return the change that saves most on calls that cost this much for these tokens (in, out)."""
        found = self.cheapest(provider, model, tokens) if cost_nanos > 0 else None
        if found is None:
            return None
        other, part = found
        return Switch(provider, model, other.model, cost_nanos, round(cost_nanos * (1 - part)))


def switches(ask: Ask, used: Iterable[Mapping[str, Any]]) -> list[Switch]:
    """Return a change for each of these sums by provider and model, where there is one; most saved first.

    The sums have COST and BILLED of `modeltrack_api.store.measures`. All input counts, whether it was cached or not.
    """
    rule = CheaperModels.of(ask)
    dearest = nlargest(_MOST_MODELS, used, key=itemgetter("cost_nanos"))
    found = [
        rule.switch(
            sums["provider"],
            sums["model"],
            sums["cost_nanos"],
            (sum(sums[name] for name in INPUT), sums["output_tokens"]),
        )
        for sums in dearest
    ]
    return sorted(filter(None, found), key=lambda switch: (-switch.saved_nanos, switch.model, switch.provider))


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
