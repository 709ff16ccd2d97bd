"""What a call used, in tokens, in buckets that do not overlap, so that nothing is counted twice or priced twice."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

CHARACTERS_PER_TOKEN = 4
"""For estimates only: what both providers' documentation gives for English text."""

_MAX_TOKENS = 2**53
BUCKETS = ("input", "output", "cache read", "cache write", "cache write 1h")
_COUNTS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens")


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens; the buckets are disjoint, except that `cache_write_1h_tokens` are part of `cache_write_tokens`."""

    input_tokens: int = 0
    """At full price: neither read from the provider's cache nor written to it."""
    output_tokens: int = 0
    """Reasoning included."""
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    service_tier: str = ""
    """As the answer states it: "" when it states none."""
    speed: str = ""
    """Anthropic's `speed`, such as "fast"."""
    web_searches: int = 0
    """Each has a price of its own."""
    estimated: bool = False
    """Whether a count that the provider did not report was filled in."""

    extra: tuple[tuple[str, "Usage"], ...] = ()
    """What other models, or other passes of the same one (""), used for this answer; not in the buckets above."""

    @property
    def total_input_tokens(self) -> int:
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def total_tokens(self) -> int:
        return self.total_input_tokens + self.output_tokens

    @property
    def buckets(self) -> tuple[int, ...]:
        """Tokens by what they cost, in the order of BUCKETS."""
        write_5m = self.cache_write_tokens - self.cache_write_1h_tokens
        return self.input_tokens, self.output_tokens, self.cache_read_tokens, write_5m, self.cache_write_1h_tokens

    def with_extra(self) -> "Usage":
        """All tokens that were used for the answer, whoever used them."""
        parts = [self, *(usage for _, usage in self.extra)]
        sums = {name: sum(getattr(part, name) for part in parts) for name in _COUNTS}
        return replace(self, **sums, extra=())

    def summary(self) -> str:
        return (
            f"in={self.input_tokens} out={self.output_tokens} "
            f"cache_read={self.cache_read_tokens} cache_write={self.cache_write_tokens}"
        )


class Estimate(NamedTuple):
    """Tokens to assume where the provider does not say."""

    input_tokens: int
    output_tokens: int

    def seen(self, characters: int) -> "Estimate":
        """With as much output at least."""
        return self._replace(output_tokens=max(self.output_tokens, tokens_of(characters)))


NOTHING = Usage()


def count(usage: Mapping[str, Any], name: str) -> int | None:
    """A token count as reported, 0 included; None where there is none that makes sense."""
    value = usage.get(name)
    return value if type(value) is int and 0 <= value <= _MAX_TOKENS else None


def details(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A nested object of the usage, empty where there is none."""
    value = usage.get(name)
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    return value[:256] if isinstance(value, str) else ""


def tokens_of(characters: int) -> int:
    """Estimated tokens, rounded up, so that some text is never no tokens."""
    return -(-characters // CHARACTERS_PER_TOKEN)


def merge(usage: dict[str, Any], later: object) -> None:
    """Fold a later usage of the same stream in: its explicit values win, null or missing ones change nothing."""
    if isinstance(later, dict):
        usage.update({name: value for name, value in later.items() if value is not None})
