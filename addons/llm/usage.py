"""Count the tokens that a call used, in buckets that do not overlap, so that no token is counted or priced twice."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from addons.llm.usage_fields import Found

CHARACTERS_PER_TOKEN = 4
"""The figure for English text in Anthropic's and OpenAI's documentation. Only estimates use it."""

BUCKETS = ("input", "output", "cache read", "cache write", "cache write 1h")
PARTS = {
    "audio_input_tokens": "input_tokens",
    "image_input_tokens": "input_tokens",
    "cache_read_audio_tokens": "cache_read_tokens",
    "cache_read_image_tokens": "cache_read_tokens",
    "audio_output_tokens": "output_tokens",
    "image_output_tokens": "output_tokens",
}
"""Parts of a bucket that may have a price of their own, and the bucket that each is a part of."""
_COUNTS = (
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens"),
    *PARTS,
    "reasoning_tokens",
)


@dataclass(slots=True, unsafe_hash=True)  # frozen, it would take 2 us more to make, and a call makes several
class Usage:
    """Counts the tokens of a call by kind.

    The first four kinds do not overlap. The others are parts of them: `cache_write_1h_tokens` of `cache_write_tokens`,
    `reasoning_tokens` of `output_tokens`, and those in PARTS.
    """

    input_tokens: int = 0
    """Input at full price: neither read from the provider's cache nor written to it."""
    output_tokens: int = 0
    """The output, reasoning included."""
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    audio_input_tokens: int = 0
    image_input_tokens: int = 0
    cache_read_audio_tokens: int = 0
    cache_read_image_tokens: int = 0
    audio_output_tokens: int = 0
    image_output_tokens: int = 0
    reasoning_tokens: int = 0
    """A part of the output that has no price of its own."""
    service_tier: str = ""
    """The tier that the answer states, "" where it states none."""
    speed: str = ""
    """Anthropic's `speed`, such as "fast"; "" where the answer states none."""
    web_searches: int = 0
    """The number of web searches; each has a price."""
    file_searches: int = 0
    """The number of searches in files that the provider keeps; each has a price."""
    residency: str = ""
    """Where the provider was asked to keep the data, such as "us", which raises the price of some models."""
    unpriced: tuple[str, ...] = ()
    """The paths of what the provider reported and nobody here knows the price of."""
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

    @property
    def has_parts(self) -> bool:
        """Tell whether some of the tokens are audio's or an image's."""
        return bool(
            self.audio_input_tokens
            or self.image_input_tokens
            or self.audio_output_tokens
            or self.image_output_tokens
            or self.cache_read_audio_tokens
            or self.cache_read_image_tokens
        )

    def passes(self, model: str) -> tuple[tuple[str, "Usage"], ...]:
        """Return all passes of an answer of this model, each with its model: these counts, and those of `extra`."""
        return (model, self), *((other or model, usage) for other, usage in self.extra)

    def resident(self, region: str) -> "Usage":
        """Return the usage, and its `extra`, of a call whose data stay in this region."""
        extra = tuple((model, replace(one, residency=region)) for model, one in self.extra)
        return replace(self, residency=region, extra=extra)

    def with_extra(self) -> "Usage":
        """Return the usage with the counts of `extra` added to its own."""
        passes = [self, *(usage for _, usage in self.extra)]
        sums: dict[str, Any] = {name: sum(getattr(one, name) for one in passes) for name in _COUNTS}
        unpriced = tuple(dict.fromkeys(path for one in passes for path in one.unpriced))
        return replace(self, **sums, unpriced=unpriced, estimated=any(one.estimated for one in passes), extra=())

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

    def usage(self) -> Usage:
        """Return the estimate as a usage, marked as one."""
        return Usage(input_tokens=self.input_tokens, output_tokens=self.output_tokens, estimated=True)


NOTHING = Usage()


def details(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object that is nested in the usage; an empty one where there is none."""
    value = usage.get(name)
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[dict[str, Any]]:
    """Return the objects in a list, an empty list for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def inclusive_usage(
    found: Found,
    estimate: Estimate,
    *,
    service_tier: str = "",
    web_searches: int = 0,
) -> Usage:
    """Return a usage that is reported as totals, as OpenAI does.

    The input includes cache reads and cache writes, its audio and its images those that were read from the cache, and
    the output the reasoning.
    """
    counts = found.counts
    total, output = counts.get("input", estimate.input_tokens), counts.get("output", estimate.output_tokens)
    read = min(counts.get("cache_read_tokens", 0), total)
    write = min(counts.get("cache_write_tokens", 0), total - read)
    usage = Usage(
        input_tokens=total - read - write,
        output_tokens=output,
        cache_read_tokens=read,
        cache_write_tokens=write,
        reasoning_tokens=min(counts.get("reasoning_tokens", 0), output),
        service_tier=service_tier,
        web_searches=web_searches,
        unpriced=found.unpriced,
        estimated="input" not in counts or "output" not in counts,
    )
    return replace(usage, **_parts(counts, usage)) if counts.keys() & _MODALITIES else usage


_MODALITIES = frozenset({"audio_input", "image_input", "audio_output_tokens", "image_output_tokens"})


def _parts(counts: Mapping[str, int], usage: Usage) -> dict[str, Any]:
    """Return the parts that are audio's and images', no more of each than of what it is a part of.

    What does not fit into the input at full price was read from the cache, whether or not that is told apart.
    """
    all_audio, all_image = counts.get("audio_input", 0), counts.get("image_input", 0)
    audio = min(max(all_audio - counts.get("cache_read_audio_tokens", 0), 0), usage.input_tokens)
    image = min(max(all_image - counts.get("cache_read_image_tokens", 0), 0), usage.input_tokens - audio)
    read_audio = min(all_audio - audio, usage.cache_read_tokens)
    read_image = min(all_image - image, usage.cache_read_tokens - read_audio)
    audio_output = min(counts.get("audio_output_tokens", 0), usage.output_tokens)
    return {
        "audio_input_tokens": audio,
        "image_input_tokens": image,
        "cache_read_audio_tokens": read_audio,
        "cache_read_image_tokens": read_image,
        "audio_output_tokens": audio_output,
        "image_output_tokens": min(counts.get("image_output_tokens", 0), usage.output_tokens - audio_output),
    }


def text(value: object) -> str:
    """Return at most 256 characters of a string, "" for anything else."""
    return value[:256] if isinstance(value, str) else ""


def tokens_of(characters: int) -> int:
    """Estimate the tokens of a text; the result is rounded up, so that only an empty text has none."""
    return -(-characters // CHARACTERS_PER_TOKEN)


_DEEPEST_MERGED = 8


def merge(usage: dict[str, Any], later: object, depth: int = 1) -> None:
    """Add what a later event of the stream reports.

    Its counts are totals so far, which never fall: some servers report 0 in the end, after they have said more. What is
    missing or null in it stays as it was. Objects deeper than any provider's are replaced, not merged.
    """
    for name, value in later.items() if isinstance(later, dict) else ():
        before = usage.get(name)
        if isinstance(value, dict) and isinstance(before, dict) and depth < _DEEPEST_MERGED:
            usage[name] = before = dict(before)
            merge(before, value, depth + 1)
        elif value is not None and not (type(value) is int and type(before) is int and value < before):
            usage[name] = value
