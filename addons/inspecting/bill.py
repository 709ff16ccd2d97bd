"""Split a cost into lines, by the prices that `addons.llm.prices.pricing` works it out with."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from addons.ledger.money import NANOS_PER_USD
from addons.llm.prices.pricing import Prices
from addons.llm.prices.rates import Rates
from addons.llm.usage import BUCKETS, PARTS, Usage

SEARCHES, FILE_SEARCHES = "web searches", "file searches"


class Line(NamedTuple):
    model: str
    bucket: str
    """One of BUCKETS, a part of one, `web searches`, `file searches`, or `other` for what has no count."""
    quantity: int
    rate: Decimal
    """USD per million tokens, or per thousand searches."""
    usd: Decimal


def bill(prices: Prices, provider: str, model: str, usage: Usage, when: datetime) -> list[Line] | None:
    """Return lines whose sum, rounded to nano-USD, is what `Prices.cost` says; None where that is None."""
    lines: list[Line] = []
    for name, part in usage.passes(model):
        price = prices.find(provider, name)
        rates = price.rates(part, when) if price else None
        nanos = prices.exact_cost(provider, name, part, when)
        if rates is None or nanos is None:
            return None
        lines += _lines(name, part, rates, nanos / NANOS_PER_USD)
    return lines


def _lines(model: str, usage: Usage, rates: Rates, total: Decimal) -> Iterator[Line]:
    rest = total
    parts = {name: getattr(usage, name) for name in PARTS} if usage.has_parts else {}
    of_parts = dict.fromkeys(BUCKETS, 0)
    for name, tokens in parts.items():
        of_parts[_title(PARTS[name])] += tokens
    amounts = [
        (bucket, tokens - of_parts[bucket], rate, 10**6)
        for bucket, tokens, rate in zip(BUCKETS, usage.buckets, rates.buckets, strict=True)
    ]
    amounts += [(_title(name), tokens, rates.of_part(name), 10**6) for name, tokens in parts.items()]
    amounts += [(SEARCHES, usage.web_searches, rates.web_search, 1000)]
    amounts += [(FILE_SEARCHES, usage.file_searches, rates.file_search, 1000)]
    for bucket, quantity, rate, per in amounts:
        if quantity:
            usd = quantity * rate / per
            rest -= usd
            yield Line(model, bucket, quantity, rate, usd)
    if rest:
        yield Line(model, "other", 0, Decimal(0), rest)  # such as a fee for each request, or for residency


def _title(name: str) -> str:
    """Return the name of a count as the bill shows it: `cache_read_tokens` is `cache read`, as in BUCKETS."""
    return name.removesuffix("_tokens").replace("_", " ")
