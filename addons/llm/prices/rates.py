"""Hold the price of a model's tokens in one form, wherever it comes from: see `addons.llm.prices.pricing`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from addons.llm.usage import PARTS, Usage

SEARCH_FEE = Decimal(10)
"""USD per thousand web searches: what Anthropic and OpenAI ask for any model, where a model's prices leave it out."""

FILE_SEARCH_FEE = Decimal("2.5")
"""USD per thousand searches in OpenAI's file search, for any model: https://platform.openai.com/docs/pricing."""

_NANOS_PER_TOKEN = 1000
"""A price of one USD per million tokens is a thousand nano-USD a token."""

_NANOS_PER_SEARCH = 10**6
"""A price of one USD per thousand searches is a million nano-USD a search."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices in USD per million tokens of each of `usage.BUCKETS`, and in USD per thousand searches."""

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal
    """Applies to tokens that are kept for five minutes."""
    cache_write_1h: Decimal
    web_search: Decimal
    file_search: Decimal = FILE_SEARCH_FEE
    parts: Mapping[str, Decimal] = field(default_factory=dict)
    """Prices of parts of the buckets, by the names in `usage.PARTS`. For any other part, the bucket's price holds."""

    @property
    def buckets(self) -> tuple[Decimal, ...]:
        """Return the prices of tokens, in the order of `usage.BUCKETS`."""
        return self.input, self.output, self.cache_read, self.cache_write, self.cache_write_1h

    def of_part(self, name: str) -> Decimal:
        """Return the price of a part of a bucket, which is that of the bucket if it has none of its own."""
        own = self.parts.get(name)
        price: Decimal = getattr(self, _RATE_OF[PARTS[name]]) if own is None else own
        return price

    def cost(self, usage: Usage) -> Decimal:
        """Return nano-USD, not rounded. The usage's `extra` is left out."""
        tokens = usage.input_tokens * self.input + usage.output_tokens * self.output
        if usage.cache_read_tokens:
            tokens += usage.cache_read_tokens * self.cache_read
        if usage.cache_write_tokens:
            tokens += (usage.cache_write_tokens - usage.cache_write_1h_tokens) * self.cache_write
        if usage.cache_write_1h_tokens:
            tokens += usage.cache_write_1h_tokens * self.cache_write_1h
        if usage.has_parts:
            for name, price in self.parts.items():
                tokens += getattr(usage, name) * (price - getattr(self, _RATE_OF[PARTS[name]]))
        nanos = tokens * _NANOS_PER_TOKEN
        if usage.web_searches:
            nanos += usage.web_searches * self.web_search * _NANOS_PER_SEARCH
        if usage.file_searches:
            nanos += usage.file_searches * self.file_search * _NANOS_PER_SEARCH
        return nanos


_RATE_OF = {"input_tokens": "input", "output_tokens": "output", "cache_read_tokens": "cache_read"}
