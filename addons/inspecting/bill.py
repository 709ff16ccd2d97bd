"""What a cost is made of, line by line, by the prices that `pricing.py` works it out with."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from genai_prices.types import calc_unit_price

from addons.llm.pricing import SEARCH_FEE, ModelPrice, Priced, Prices, calculate
from addons.llm.usage import BUCKETS, Usage

SEARCHES = "web searches"

# Where genai-prices keeps the price of each bucket; where a model has none, the next one's holds.
_KEYS = {
    "input": ("input_mtok",),
    "output": ("output_mtok",),
    "cache read": ("cache_read_mtok", "input_mtok"),
    "cache write": ("cache_write_mtok", "input_mtok"),
    "cache write 1h": ("cache_write_1h_mtok", "cache_write_mtok", "input_mtok"),
}


class Line(NamedTuple):
    model: str
    bucket: str
    """One of BUCKETS, `web searches`, or `other` for what has no count."""
    quantity: int
    rate: Decimal
    """USD per million tokens, or per thousand searches."""
    usd: Decimal


def bill(prices: Prices, provider: str, price_id: str, model: str, usage: Usage, when: datetime) -> list[Line] | None:
    """Lines whose sum, rounded to nano-USD, is what `Prices.cost` says. None where that is None."""
    lines: list[Line] = []
    for name, part in ((model, usage), *((other or model, extra) for other, extra in usage.extra)):
        price = prices.find(provider, price_id, name)
        found = _own(name, price, part) if isinstance(price, ModelPrice) else _genai(name, price, part, when)
        if found is None:
            return None
        lines += found
    return lines


def _own(model: str, price: ModelPrice, usage: Usage) -> list[Line]:
    return list(_lines(model, usage, price.rates(), price.web_search))


def _genai(model: str, price: Priced | None, usage: Usage, when: datetime) -> list[Line] | None:
    found = calculate(price, usage, when) if price else None
    if found is None:
        return None
    prices, total_input = found.model_price, usage.total_input_tokens
    rates = []
    for bucket in BUCKETS:
        named = (getattr(prices, key) for key in _KEYS[bucket])
        rate = next((rate for rate in named if rate is not None), None)
        rates.append(calc_unit_price(rate, 1, total_input, 1))
    search = prices.web_searches_kcount
    fee = SEARCH_FEE if search is None else calc_unit_price(search, 1, total_input, 1)
    lines = list(_lines(model, usage, tuple(rates), fee))
    total = found.total_price + (usage.web_searches * SEARCH_FEE / 1000 if search is None else 0)
    if rest := total - sum(line.usd for line in lines):
        lines.append(Line(model, "other", 0, Decimal(0), rest))  # such as a fee for each request
    return lines


def _lines(model: str, usage: Usage, rates: tuple[Decimal, ...], search_fee: Decimal) -> Iterator[Line]:
    for bucket, tokens, rate in zip(BUCKETS, usage.buckets, rates, strict=True):
        if tokens:
            yield Line(model, bucket, tokens, rate, tokens * rate / 10**6)
    if usage.web_searches:
        yield Line(model, SEARCHES, usage.web_searches, search_fee, usage.web_searches * search_fee / 1000)
