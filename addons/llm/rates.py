"""Hold the price of a model's tokens in one form, wherever it comes from: see `addons.llm.pricing`."""

from dataclasses import dataclass
from decimal import Decimal

from addons.llm.usage import Usage

SEARCH_FEE = Decimal(10)
"""USD per thousand web searches: what Anthropic and OpenAI ask for any model, where a model's prices leave it out."""

_NANOS_PER_TOKEN = 1000
"""A price of one USD per million tokens is a thousand nano-USD a token."""

_NANOS_PER_SEARCH = 10**6
"""A price of one USD per thousand searches is a million nano-USD a search."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices in USD per million tokens of each of `usage.BUCKETS`, and in USD per thousand web searches."""

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal
    """Applies to tokens that are kept for five minutes."""
    cache_write_1h: Decimal
    web_search: Decimal

    @property
    def buckets(self) -> tuple[Decimal, ...]:
        """Return the prices of tokens, in the order of `usage.BUCKETS`."""
        return self.input, self.output, self.cache_read, self.cache_write, self.cache_write_1h

    def cost(self, usage: Usage) -> Decimal:
        """Return nano-USD, not rounded. The usage's `extra` is left out."""
        tokens = usage.input_tokens * self.input + usage.output_tokens * self.output
        if usage.cache_read_tokens:
            tokens += usage.cache_read_tokens * self.cache_read
        if usage.cache_write_tokens:
            tokens += (usage.cache_write_tokens - usage.cache_write_1h_tokens) * self.cache_write
        if usage.cache_write_1h_tokens:
            tokens += usage.cache_write_1h_tokens * self.cache_write_1h
        nanos = tokens * _NANOS_PER_TOKEN
        return nanos + usage.web_searches * self.web_search * _NANOS_PER_SEARCH if usage.web_searches else nanos
