"""Tell by their names which models are alike enough for one to stand in for another.

genai-prices has no field for it. Its names for people help ("GPT-5.3 Chat" for gpt-5.3), and so does a missing price
for output, which embeddings have.
"""

import re
from typing import NamedTuple

from addons.llm.memoised import memoised_for_all
from addons.llm.prices.pricing import Price
from addons.llm.prices.rates import Rates

_LONGEST_NAME = 256

_NAME = re.compile(
    r"(?P<region>(?:regional|us|eu|apac|jp|au|ca|sa|us-gov)\.)?(?P<vendor>(?:[a-z]+\.)*)"
    r"(?P<bare>(?P<word>[a-z]+)[^0-9]*(?P<generation>\d+).*)",
    re.DOTALL,
)

_PURPOSES = {
    "embedding": ("embed", "embedding", "embeddings", "rerank"),
    "moderation": ("guard", "moderation", "safeguard"),
    "code": ("code", "coder", "codex"),
} | {
    word: (word,)
    for word in (
        *("audio", "live", "realtime", "sonic", "speech", "transcribe", "translate", "tts", "voice", "whisper"),
        *("image", "multimodal", "ocr", "video", "vision", "vl"),
        *("agent", "computer", "cyber", "research", "rosalind", "search"),
        *("chat", "extended", "free", "instruct", "oss", "turbo"),
    )
}
"""Words in the names of models that are for something else than the other ones of their family."""

_PURPOSE_OF_WORD = {word: purpose for purpose, words in _PURPOSES.items() for word in words}

_FINE_TUNED = "ft"

_PLAIN = re.compile(r"non-reasoning|non-thinking|\b(chat|instant)\b")
_REASONING = re.compile(
    r"reason|think"
    r"|\bo[1-9]\b"  # OpenAI's o1, o3, o4
    r"|\bgpt-(oss|[5-9]|[1-9]\d)\b"
    r"|\br1\b"  # DeepSeek's
    r"|\bgrok-(3-mini|[4-9]|code)\b"
    r"|\bkimi-k[3-9]\b"
    r"|\b(magistral|qwq)\b"
)
"""Names of models that always reason before they answer. One that does it when a request asks for it, as Claude does,
counts as plain."""


class Family(NamedTuple):
    """Says what a model must have in common with another one to stand in for it."""

    vendor: str
    """What a name on Bedrock begins with, such as "anthropic." or "global.anthropic.": to leave a region is more than a
    change of models."""
    word: str
    """The first word of the name, such as "claude" or "gpt"."""
    generation: str
    """The first number in the name."""
    purposes: frozenset[str]
    """Keys of _PURPOSES; empty for a model that chats."""
    reasons: bool
    writes: bool
    """False for one whose output has no price, such as embeddings."""


def family_of(price: Price, rates: Rates) -> Family | None:
    """Return the family of the model that has this price; None for one that is like no other, for all that is known."""
    return family(price.name, price.title, writes=rates.output > 0)


def region_of(price: Price) -> str:
    """Return what a name on Bedrock begins with when it stands for a group of regions, such as "us."."""
    found = _parts(price.name)
    return (found and found["region"]) or ""


@memoised_for_all(4096)
def family(name: str, title: str = "", writes: bool = True) -> Family | None:
    """Return what a model's name, and its name for people, say. None for a name without a number, and for a model that
    was fine-tuned: what it has learned no other one knows.
    """
    found = _parts(name)
    if not found:
        return None
    text = f"{found['bare']} {title.lower()}"
    words = set(re.findall("[a-z]+", text))
    if _FINE_TUNED in words:
        return None
    return Family(
        found["vendor"],
        found["word"],
        found["generation"],
        frozenset(_PURPOSE_OF_WORD[word] for word in words & _PURPOSE_OF_WORD.keys()),
        reasons=bool(_REASONING.search(text)) and not _PLAIN.search(text),
        writes=writes,
    )


def _parts(name: str) -> re.Match[str] | None:
    return _NAME.fullmatch(name) if len(name) <= _LONGEST_NAME else None
