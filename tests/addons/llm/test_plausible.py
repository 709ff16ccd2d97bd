from dataclasses import replace

import pytest

from addons.llm.plausible import is_plausible, is_small
from addons.llm.request import LLMRequest
from addons.llm.usage import Usage

REQUEST = LLMRequest("m", False, 100, 4096, 0, 0, "")


@pytest.mark.parametrize(
    ("usage", "window", "request_", "expected"),
    [
        (Usage(10, 4_294_967_295), 128_000, REQUEST, False),
        (Usage(10, 4_294_967_295), None, REQUEST, False),
        (Usage(4_294_967_295, 10), 128_000, REQUEST, False),
        (Usage(0, 0, cache_read_tokens=2**40), 1_000_000, REQUEST, False),
        (Usage(10, 2**31 - 1), 8_192, None, False),
        # What a model gives at most, in one choice and in many.
        (Usage(128_000, 128_000), 128_000, REQUEST, True),
        (Usage(1_000_000, 128_000), 1_000_000, REQUEST, True),
        (Usage(10, 128 * 128_000), 400_000, replace(REQUEST, choices=128), True),
        # Research by an agent of the provider's: dozens of passes, each reading all that came before.
        (Usage(200_000, 300_000, cache_read_tokens=18_000_000), 200_000, REQUEST, True),
        # An embedding of 2,048 inputs of 8,192 tokens each, whose text has been estimated.
        (Usage(2_048 * 8_192), 8_192, replace(REQUEST, input_tokens=2_048 * 8_192), True),
        (Usage(2_048 * 8_192), 8_192, replace(REQUEST, input_tokens=2_048 * 8_192 // 4), True),
        (Usage(900_000, 0), None, REQUEST, True),
    ],
)
def test_a_true_bill_is_never_refused_and_an_overflow_always(
    usage: Usage, window: int | None, request_: LLMRequest | None, expected: bool
) -> None:
    assert is_plausible(usage, request_, window) is expected


def test_counts_that_are_not_checked_are_plausible_for_every_model() -> None:
    assert is_small(Usage(500_000, 32_000)) and not is_small(Usage(500_001)) and not is_small(Usage(0, 32_001))
    assert is_plausible(Usage(500_000, 32_000), None, 1)
