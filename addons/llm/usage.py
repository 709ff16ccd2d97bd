"""Count the tokens that a call used, in buckets that do not overlap, so that no token is counted or priced twice."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

CHARACTERS_PER_TOKEN = 4
"""The figure for English text in Anthropic's and OpenAI's documentation. Only estimates use it."""

_MAX_TOKENS = 2**53
BUCKETS = ("input", "output", "cache read", "cache write", "cache write 1h")
_COUNTS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens")


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts the tokens of a call by kind. The kinds do not overlap, except that `cache_write_tokens` include
    `cache_write_1h_tokens`."""

    input_tokens: int = 0
    """Input at full price: neither read from the provider's cache nor written to it."""
    output_tokens: int = 0
    """The output, reasoning included."""
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    service_tier: str = ""
    """The tier that the answer states, "" where it states none."""
    speed: str = ""
    """Anthropic's `speed`, such as "fast"; "" where the answer states none."""
    web_searches: int = 0
    """The number of web searches; each has a price."""
    estimated: bool = False
    """Whether a count is an estimate, because the provider did not report it."""

    extra: tuple[tuple[str, "Usage"], ...] = ()
    """Passes that the buckets above leave out: the model of each, "" for the answer's own, and its usage."""

    @property
    def total_input_tokens(self) -> int:
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def total_tokens(self) -> int:
        return self.total_input_tokens + self.output_tokens

    @property
    def buckets(self) -> tuple[int, ...]:
        """Return the tokens by price, in the order of BUCKETS."""
        write_5m = self.cache_write_tokens - self.cache_write_1h_tokens
        return self.input_tokens, self.output_tokens, self.cache_read_tokens, write_5m, self.cache_write_1h_tokens

    def with_extra(self) -> "Usage":
        """Return the usage with the counts of `extra` added to its own."""
        parts = [self, *(usage for _, usage in self.extra)]
        sums = {name: sum(getattr(part, name) for part in parts) for name in _COUNTS}
        return replace(self, **sums, extra=())

    def summary(self) -> str:
        return (
            f"in={self.input_tokens} out={self.output_tokens} "
            f"cache_read={self.cache_read_tokens} cache_write={self.cache_write_tokens}"
        )


class Estimate(NamedTuple):
    """Hold the tokens to assume where the provider does not report them."""

    input_tokens: int
    output_tokens: int

    def seen(self, characters: int) -> "Estimate":
        """Return the estimate with at least as much output as these characters are."""
        return self._replace(output_tokens=max(self.output_tokens, tokens_of(characters)))


NOTHING = Usage()


def count(usage: Mapping[str, Any], name: str) -> int | None:
    """Return a count as it was reported, which may be 0; None where it is missing or makes no sense."""
    value = usage.get(name)
    return value if type(value) is int and 0 <= value <= _MAX_TOKENS else None


def details(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object that is nested in the usage; an empty one where there is none."""
    value = usage.get(name)
    return value if isinstance(value, dict) else {}


def inclusive_usage(
    usage: Mapping[str, Any],
    names: tuple[str, str],
    estimate: Estimate,
    *,
    service_tier: str = "",
    web_searches: int = 0,
) -> Usage:
    """Return a usage that is reported as totals: the input includes cache reads and writes, the output the reasoning.

    `names` are those of the two totals; the cache's tokens stand in the input's `..._details`, as OpenAI has them.
    """
    reported, output = count(usage, names[0]), count(usage, names[1])
    nested = details(usage, f"{names[0]}_details")
    total = estimate.input_tokens if reported is None else reported
    read = min(count(nested, "cached_tokens") or 0, total)
    write = min(count(nested, "cache_write_tokens") or 0, total - read)
    return Usage(
        input_tokens=total - read - write,
        output_tokens=estimate.output_tokens if output is None else output,
        cache_read_tokens=read,
        cache_write_tokens=write,
        service_tier=service_tier,
        web_searches=web_searches,
        estimated=reported is None or output is None,
    )


def text(value: object) -> str:
    """Return at most 256 characters of a string, "" for anything else."""
    return value[:256] if isinstance(value, str) else ""


def tokens_of(characters: int) -> int:
    """Estimate the tokens of a text; the result is rounded up, so that only an empty text has none."""
    return -(-characters // CHARACTERS_PER_TOKEN)


def merge(usage: dict[str, Any], later: object) -> None:
    """Add what a later event of the stream reports: its values replace earlier ones; null or missing ones do not."""
    if isinstance(later, dict):
        usage.update({name: value for name, value in later.items() if value is not None})
