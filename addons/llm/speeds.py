"""Learn how fast models write, to estimate the output of a stream that was ended before it reported its usage.

The text that passed is not all that is billed: a model may have reasoned unseen for minutes. So the estimate also goes
by the time that the call ran.
"""

from cachetools import LRUCache

_USUAL = 60.0
"""Tokens a second of a model that nothing is known of: about gpt-4o's.

Source: the mean of 63 at
https://community.openai.com/t/gpt-4o-tokens-per-second-comparable-to-gpt-3-5-turbo-data-and-analysis/768559.
"""
_FASTEST = 1000.0
"""No model of the four providers writes more tokens a second; a cache between here and them may seem to."""
_SHORTEST_SECONDS = 1.0
"""Of a shorter call most is the way to the provider and back."""
_KEPT = 0.9
"""Of what was learned, this much counts after one more call: about the last ten count."""
_MOST_MODELS = 1000


class Speeds:
    """The speed of each model, in output tokens a second of the whole call, from those that ended with their usage."""

    def __init__(self) -> None:
        self._models: LRUCache[tuple[str, str], tuple[float, float]] = LRUCache(_MOST_MODELS)
        """Tokens and seconds, by provider and model."""

    def learn(self, provider: str, model: str, tokens: int, seconds: float) -> None:
        if seconds < _SHORTEST_SECONDS or not tokens:
            return
        before = self._models.get((provider, model), (0.0, 0.0))
        self._models[provider, model] = before[0] * _KEPT + tokens, before[1] * _KEPT + seconds

    def tokens(self, provider: str, model: str, seconds: float) -> int:
        """Return the output tokens that a model usually makes in this time."""
        tokens, learned = self._models.get((provider, model), (_USUAL, 1.0))
        return round(min(tokens / learned, _FASTEST) * max(seconds, 0.0))
