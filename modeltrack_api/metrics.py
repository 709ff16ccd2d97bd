"""Answer GET /metrics, for Prometheus: spend, how far the event log has been read, open alerts, unsent messages.

The names follow https://prometheus.io/docs/practices/naming.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from addons.ledger.money import NANOS_PER_USD
from modeltrack_api.amounts import known
from modeltrack_api.queries.common import Sum
from modeltrack_api.store.sums import LLM, totals
from modeltrack_api.utc import ALWAYS
from modeltrack_api.web.handler import Ask, Reply

_KEYS = ("team", "app_id", "model")
_MOST_SERIES = 1000
_OTHER = "(other)"
_SUMS = {
    "requests": ("requests", "LLM calls."),
    "input_tokens": ("input_tokens", "Input tokens at full price, without those of the provider's cache."),
    "cache_read_tokens": ("cache_read_tokens", "Input tokens read from the provider's cache."),
    "cache_write_tokens": ("cache_write_tokens", "Input tokens written to the provider's cache."),
    "output_tokens": ("output_tokens", "Output tokens, reasoning included."),
    "hit_tokens": ("hit_tokens", "Tokens of the answers that ModelTrack's cache repeated, which nobody billed."),
    "cost_nanos": ("spend_usd", "Cost in USD."),
    "saved_by_cache": ("saved_by_cache_usd", "Cost in USD that cache hits saved."),
    "saved_by_routing": ("saved_by_routing_usd", "Cost in USD that cheaper models saved."),
    "blocked": ("blocked_requests", "Calls refused by a budget, by a rule, or because the model has no known price."),
    "unpriced": ("unpriced_requests", "Calls of models without a known price."),
    "unpriced_usage": ("unpriced_usage_requests", "Calls of which a part has no known price."),
}
_UNKNOWN = {
    "cost_nanos": ("unpriced", "unpriced_usage"),
    "saved_by_cache": ("unsaved_hits",),
    "saved_by_routing": ("unsaved_routed",),
}
"""The amounts of money, each with the counts of what is not in it."""
_WAITING = {
    "alerts": ("Alerts that are not dismissed.", "SELECT count(*) FROM alerts WHERE dismissed_at IS NULL"),
    "unsent_messages": (
        "Alerts and reports that wait for Slack.",
        "SELECT count(*) FROM outbox WHERE sent_at IS NULL AND failed_at IS NULL",
    ),
    "refused_messages": (
        "Alerts and reports that Slack refused, and that are not sent again.",
        "SELECT count(*) FROM outbox WHERE failed_at IS NOT NULL",
    ),
}
# The oldest series keep their own labels for ever: if a series moved into (other), its counter would go back.
_FIRST = f"SELECT {', '.join(_KEYS)} FROM series WHERE event_type = '{LLM}' GROUP BY 1, 2, 3 ORDER BY min(id) LIMIT ?"


def metrics(ask: Ask) -> Reply:
    registry = CollectorRegistry()
    registry.register(_Metrics(ask))
    return Reply(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


class _Metrics(Collector):
    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        yield from _spend(self._ask.db)
        ingest, follower = self._ask.app.ingest, self._ask.app.follower
        gauges = {
            "log_position_bytes": ("Bytes of the event log that are in the database.", ingest.position),
            "log_behind_bytes": ("Bytes of the event log that are not in the database yet.", ingest.behind_bytes()),
            "ready": ("Whether the event log has been read to its end since the start.", follower.ready.is_set()),
        }
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(f"modeltrack_api_{name}", text, value)
        for name, (text, sql) in _WAITING.items():
            yield GaugeMetricFamily(f"modeltrack_api_{name}", text, self._ask.db.execute(sql).fetchone()[0])
        skipped = "Lines of the event log that were not events and were skipped, since the start."
        yield CounterMetricFamily("modeltrack_api_log_skipped_lines", skipped, ingest.skipped)


def _spend(db: sqlite3.Connection) -> Iterator[Metric]:
    kept = {tuple(row) for row in db.execute(_FIRST, (_MOST_SERIES,))}
    families = {
        name: CounterMetricFamily(f"modeltrack_api_{metric}", text, labels=["team", "app", "model"])
        for name, (metric, text) in _SUMS.items()
    }
    measures = tuple({*_SUMS, *(name for names in _UNKNOWN.values() for name in names)})
    other = dict.fromkeys(measures, 0)
    for row in totals(db, ALWAYS, by=_KEYS, measures=measures):
        labels = tuple(row[key] for key in _KEYS)
        if labels in kept:
            _add(families, labels, row)
        else:
            other = {name: total + row[name] for name, total in other.items()}
    if any(other.values()):
        _add(families, [_OTHER] * 3, other)
    yield from families.values()


def _add(families: Mapping[str, CounterMetricFamily], labels: Sequence[str], row: Sum) -> None:
    """Add one value to each metric. An amount of which nothing is known has none, rather than 0."""
    for name, family in families.items():
        value = row[name]
        if name in _UNKNOWN:
            nanos = known(value, sum(row[count] for count in _UNKNOWN[name]))
            value = None if nanos is None else nanos / NANOS_PER_USD
        if value is not None:
            family.add_metric(labels, value)
