"""Tell counts of tokens that cannot be from those that are only large.

A provider, or a gateway before it, may report 4,294,967,295 tokens where it means -1. A true bill must never be taken
for such a mistake, so the limits are far above what one call is known to have used: a call with tools of the provider
is made in many passes, and its usage is the sum over all of them.
"""

from addons.llm.request import LLMRequest
from addons.llm.usage import Usage

LARGEST_WINDOW = 10_000_000
"""The largest context window in genai-prices, Llama 4 Scout's, for models whose window it does not know."""
_INPUT_PASSES = 100
"""Each pass of a call may read a whole window again."""
_OUTPUT_WINDOWS = 10
"""The output of all passes is mostly read again by later ones, so it takes fewer windows than the input."""
_TOKENS_PER_ESTIMATED = 16
"""An estimated token is 4 characters, and these are 16 tokens at most: there is none for less than a byte."""

_SMALL_INPUT, _SMALL_OUTPUT = 500_000, 32_000
"""Counts up to these are not checked: they are as good as all there are, and the cost of a mistake is small."""


def is_small(usage: Usage) -> bool:
    return usage.total_input_tokens <= _SMALL_INPUT and usage.output_tokens <= _SMALL_OUTPUT


def is_plausible(usage: Usage, request: LLMRequest | None, window: int | None) -> bool:
    """Tell whether a model with this context window can have used so many tokens in one call.

    `usage` includes all passes. An embedding may have thousands of inputs, each as large as the window: so the input
    may also be as large as the request's text makes possible.
    """
    size = max(window or LARGEST_WINDOW, _SMALL_INPUT // _INPUT_PASSES)
    asked, choices = (request.input_tokens, request.choices) if request else (0, 1)
    most_input = max(size * _INPUT_PASSES, asked * _TOKENS_PER_ESTIMATED)
    most_output = max(size * max(_OUTPUT_WINDOWS, choices), _SMALL_OUTPUT)
    return usage.total_input_tokens <= most_input and usage.output_tokens <= most_output
