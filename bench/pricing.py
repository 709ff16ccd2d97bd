"""Measure how long it takes to work out a price: `python -m bench.pricing`.

It measures CPU time, since the machine may be busy.
"""

import time
import timeit
from datetime import UTC, datetime
from functools import partial

from addons.llm.prices.pricing import Prices
from addons.llm.usage import Usage

_CALLS = [
    ("anthropic", "claude-sonnet-4-6", Usage(200, 200, 300, 500, 200)),
    ("anthropic", "claude-opus-4-8", Usage(200, 200, speed="fast")),
    ("openai", "gpt-4o-2024-08-06", Usage(700, 200, 300)),
    ("openai", "gpt-5", Usage(700, 200, 300, service_tier="priority")),
    ("bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0", Usage(1000, 200)),
    ("azure", "gpt-4o", Usage(1000, 200)),
]
_NUMBER, _REPEAT = 100, 30


def main() -> None:
    prices = Prices()
    started = time.process_time()
    prices.warm_up()
    print(f"at start, once: {(time.process_time() - started) * 1e3:.0f} ms")
    for provider, model, usage in _CALLS:
        price = partial(prices.cost, provider, model, usage, datetime.now(UTC))
        first = timeit.timeit(price, timer=time.process_time, number=1)
        runs = sorted(timeit.repeat(price, timer=time.process_time, number=_NUMBER, repeat=_REPEAT))
        median = runs[_REPEAT // 2] / _NUMBER
        print(f"{median * 1e6:6.2f} us a call, {first * 1e3:6.2f} ms the first: {provider} {model}")


if __name__ == "__main__":
    main()
