"""Make calls of two teams and of nobody for the tests of reports; a schedule of one stands here too."""

from datetime import timedelta
from typing import Any

from modeltrack_api.utc import Window, micros
from tests.modeltrack_api.queries.asking import USD, at, line


def until(day: str) -> Window:
    """Return the window of a request whose only date is this `end_date`."""
    return Window(0, micros(at(day, "00:00") + timedelta(days=1)))


def calls(*described: tuple[str, float, dict[str, Any]]) -> list[bytes]:
    """Return log lines of calls, each described by its day (at noon) or time, cost in USD and members."""
    return [
        line(at(*moment.split("T")), number, round(usd * USD), **members)
        for number, (moment, usd, members) in enumerate(described)
    ]


PRODUCT = {"team": "product", "model": "gpt-4o", "provider": "openai", "feature": "chat"}
SEARCH = {"team": "search", "model": "gpt-4o-mini", "provider": "openai", "feature": "rerank"}
NOBODY = {"model": "gpt-4o", "provider": "azure"}
LINES = (
    *calls(("2026-04-01", 6, PRODUCT), ("2026-04-02", 1, SEARCH), ("2026-04-03", 1, NOBODY)),
    line(at("2026-04-03"), 9, 0, **PRODUCT, cache_hit=True, saved_usd=2),
)

DAILY = {"name": "Finance", "period": "daily", "frequency": "daily", "hour": 6}
