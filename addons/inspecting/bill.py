"""Split a cost into lines, by the prices that `addons.llm.pricing` works it out with."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from addons.ledger.money import NANOS_PER_USD
from addons.llm.pricing import Prices
from addons.llm.rates import Rates
from addons.llm.usage import BUCKETS, Usage

SEARCHES = "web searches"


class Line(NamedTuple):
    model: str
    bucket: str
    """One of BUCKETS, `web searches`, or `other` for what has no count."""
    quantity: int
    rate: Decimal
    """USD per million tokens, or per thousand searches."""
    usd: Decimal


def bill(prices: Prices, provider: str, model: str, usage: Usage, when: datetime) -> list[Line] | None:
    """Return lines whose sum, rounded to nano-USD, is what `Prices.cost` says; None where that is None."""
    lines: list[Line] = []
    for name, part in ((model, usage), *((other or model, extra) for other, extra in usage.extra)):
        price = prices.find(provider, name)
        rates = price.rates(part, when) if price else None
        nanos = price.cost(part, when) if price else None
        if rates is None or nanos is None:
            return None
        lines += _lines(name, part, rates, nanos / NANOS_PER_USD)
    return lines


def _lines(model: str, usage: Usage, rates: Rates, total: Decimal) -> Iterator[Line]:
    rest = total
    for bucket, tokens, rate in zip(BUCKETS, usage.buckets, rates.buckets, strict=True):
        if tokens:
            usd = tokens * rate / 10**6
            rest -= usd
            yield Line(model, bucket, tokens, rate, usd)
    if usage.web_searches:
        usd = usage.web_searches * rates.web_search / 1000
        rest -= usd
        yield Line(model, SEARCHES, usage.web_searches, rates.web_search, usd)
    if rest:
        yield Line(model, "other", 0, Decimal(0), rest)  # such as a fee for each request
