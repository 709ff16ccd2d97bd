"""Answer GET /metrics, for Prometheus: spend, how far the event log has been read, open alerts, unsent messages.

The names follow https://prometheus.io/docs/practices/naming.
"""

import sqlite3
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from addons.ledger.money import NANOS_PER_USD
from modeltrack_api.store.sums import LLM, totals
from modeltrack_api.utc import ALWAYS
from modeltrack_api.web.handler import Ask, Reply

_KEYS = ("team", "app_id", "model")
_MOST_SERIES = 1000
_OTHER = "(other)"
_SUMS = {
    "requests": ("requests", "LLM calls."),
    "input_tokens": ("input_tokens", "Input tokens, including those read from or written to the provider's cache."),
    "output_tokens": ("output_tokens", "Output tokens."),
    "cost_nanos": ("spend_usd", "Cost in USD."),
    "saved_by_cache": ("saved_by_cache_usd", "Cost in USD that cache hits saved."),
    "saved_by_routing": ("saved_by_routing_usd", "Cost in USD that cheaper models saved."),
    "blocked": ("blocked_requests", "Calls refused by a budget, by a rule, or because the model has no known price."),
    "unpriced": ("unpriced_requests", "Calls of models without a known price."),
}
_USD = ("cost_nanos", "saved_by_cache", "saved_by_routing")
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
    other = dict.fromkeys(_SUMS, 0)
    for row in totals(db, ALWAYS, by=_KEYS, measures=tuple(_SUMS)):
        labels = tuple(row[key] for key in _KEYS)
        for name, family in families.items():
            if labels in kept:
                family.add_metric(labels, row[name] / NANOS_PER_USD if name in _USD else row[name])
            else:
                other[name] += row[name]
    if any(other.values()):
        for name, family in families.items():
            family.add_metric([_OTHER] * 3, other[name] / NANOS_PER_USD if name in _USD else other[name])
    yield from families.values()
