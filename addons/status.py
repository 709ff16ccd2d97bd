"""StatusPages: answer with the pages on which the proxy reports about itself, from /healthz to /metrics."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from mitmproxy import http
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from addons.callers.bearer import shows_token
from addons.core import Core
from addons.flow.attached import status_page
from addons.flow.caller import find_caller
from addons.flow.figures.me import about
from addons.flow.guard import guarded
from addons.flow.headers import header
from addons.flow.replies import refuse, reply, usd
from addons.ledger.money import NANOS_PER_USD
from addons.llm.denial import Denial, unauthenticated
from addons.llm.routes import ME

_WITHOUT_TOKEN = frozenset({"/healthz", "/readyz", ME})
"""The pages that need no token: two say nothing of anybody's calls, and the third what the caller's key is for."""

_NOT_READY = Denial(503, "starting", "What was spent this month is still being read.", retry_after=1)
_NEEDS_TOKEN = unauthenticated("This page needs Authorization: Bearer and the STATUS_TOKEN.")
_NO_STORE = {"Cache-Control": "no-store"}


def _authorization(flow: http.HTTPFlow) -> str:
    return header(flow.request.headers, b"authorization")


def _refuse(flow: http.HTTPFlow, denial: Denial) -> None:
    asks_for_key = {"WWW-Authenticate": "Bearer"} if denial.status == 401 else {}
    refuse(flow, None, denial, headers=_NO_STORE | asks_for_key)


class StatusPages:
    def __init__(self, core: Core, cache_size: Callable[[], tuple[int, int]]) -> None:
        self.core = core
        self._cache_size = cache_size
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._pages = {
            "/healthz": lambda: {"status": "ok"},
            "/stats": self.stats,
            "/cache/stats": self.cache_stats,
            "/routing/stats": self.routing_stats,
        }

    def failed(self, flow: http.HTTPFlow) -> None:
        refuse(flow, None, Denial(500, "proxy_error", "This page could not be made; the log says why."))

    @guarded
    def request(self, flow: http.HTTPFlow) -> None:
        page = status_page(flow)
        if not page or flow.response:
            return
        token = self.core.settings.status_token
        if token and page.path not in _WITHOUT_TOKEN and not shows_token(_authorization(flow), token):
            _refuse(flow, _NEEDS_TOKEN)
            return
        if flow.request.method not in ("GET", "HEAD"):
            denial = Denial(405, "method_not_allowed", f"{page.path} takes GET and HEAD.")
            refuse(flow, None, denial, headers={"Allow": "GET, HEAD"})
            return
        if page.path == "/readyz":
            is_ready = self.core.ready.is_set()
            reply(flow, 200 if is_ready else 503, {"status": "ready" if is_ready else "starting"}, _NO_STORE)
        elif page.path == ME:
            found = self._about_caller(flow)
            if isinstance(found, Denial):
                _refuse(flow, found)
            else:
                reply(flow, 200, found, _NO_STORE)
        elif page.path == "/metrics":
            reply(flow, 200, generate_latest(self._registry), _NO_STORE | {"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})
        else:
            reply(flow, 200, self._pages[page.path](), _NO_STORE)

    def _about_caller(self, flow: http.HTTPFlow) -> dict[str, Any] | Denial:
        found = find_caller(self.core, flow, None, None, needs_key=True)
        if isinstance(found, Denial):
            return found
        if not self.core.ready.is_set():
            return _NOT_READY
        _, caller = found
        assert caller.key
        return about(self.core, caller.key, caller.who)

    def stats(self) -> dict[str, Any]:
        core, counts = self.core, self.core.counts
        return {
            "total_requests": counts.requests,
            "total_tokens": counts.tokens,
            "total_cost_usd": usd(counts.cost_nanos),
            "blocked_requests": counts.blocked,
            "errors": counts.errors,
            "unpriced_requests": counts.unpriced,
            "unpriced_usage_requests": counts.unpriced_usage,
            "untracked_requests": counts.untracked,
            "unknown_callers": counts.unknown_callers,
            "unmetered_requests": counts.unmetered,
            "stream_options_refused": counts.options_refused,
            "in_flight": len(core.live),
            "connections": asdict(core.connections),
            "abandoned": {"now": counts.abandoned_now, "total": counts.abandoned},
            "reserved_usd": usd(core.ledger.reserved_nanos),
            "uptime_seconds": round(time.monotonic() - core.started, 1),
            "budgets": [standing.to_json() for standing in core.ledger.all_standings()],
            "config_errors": core.config_errors(),
            "event_log": {"waiting": core.log.pending, "lost": core.log.dropped, "error": core.log.error},
        }

    def cache_stats(self) -> dict[str, Any]:
        counts, settings = self.core.counts, self.core.settings
        asked = counts.cache_hits + counts.cache_misses
        entries, size = self._cache_size()
        return {
            "total_hits": counts.cache_hits,
            "total_misses": counts.cache_misses,
            "hit_rate_percent": round(100 * counts.cache_hits / asked, 2) if asked else 0.0,
            "entries_count": entries,
            "max_entries": settings.cache_max_entries,
            "ttl_seconds": settings.cache_ttl_seconds,
            "estimated_savings_usd": usd(counts.cache_savings_nanos),
            "bytes": size,
            "coalesced": counts.cache_coalesced,
            "waiting": counts.cache_waiting,
        }

    def routing_stats(self) -> dict[str, Any]:
        counts = self.core.counts
        return {
            "total_routed": counts.routed,
            "total_pass_through": counts.not_routed,
            "total_blocked": counts.routing_blocked,
            "total_skipped": counts.routing_skipped.total(),
            "rule_hits": dict(counts.rule_hits),
            "estimated_savings_usd": usd(counts.routing_savings_nanos),
            "skip_reasons": dict(counts.routing_skipped),
        }

    def all_stats(self) -> dict[str, Any]:
        return {"proxy": self.stats(), "cache": self.cache_stats(), "routing": self.routing_stats()}

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics for prometheus-client. Names end as https://prometheus.io/docs/practices/naming asks."""
        core, counts = self.core, self.core.counts
        entries, size = self._cache_size()
        counters = {
            "requests": ("Calls that have an event.", counts.requests),
            "tokens": ("Tokens of all kinds.", counts.tokens),
            "cost_usd": ("Cost in USD.", counts.cost_nanos / NANOS_PER_USD),
            "blocked_requests": ("Calls refused by a budget or a rule, or for lack of a price.", counts.blocked),
            "errors": ("Calls that failed.", counts.errors),
            "unpriced_requests": ("Calls of models without a known price.", counts.unpriced),
            "unpriced_usage_requests": ("Calls whose cost leaves out something that they used.", counts.unpriced_usage),
            "untracked_requests": ("Calls on untracked routes, passed on without being metered.", counts.untracked),
            "unknown_callers": ("Requests that CALLERS refused.", counts.unknown_callers),
            "unmetered_requests": ("Untracked calls that may cost money, which cannot be metered.", counts.unmetered),
            "abandoned_requests": ("Calls whose client left before the end of the answer.", counts.abandoned),
            "cache_hits": ("Calls answered from the cache.", counts.cache_hits),
            "cache_misses": ("Calls that the cache had no answer for.", counts.cache_misses),
            "cache_savings_usd": ("Cost in USD that cache hits saved.", counts.cache_savings_nanos / NANOS_PER_USD),
            "routed_requests": ("Calls given a cheaper model.", counts.routed),
            "connections_idle_closed": ("Idle connections closed for new ones.", core.connections.idle_closed),
            "connections_refused": ("Connections refused since all were in use.", core.connections.refused),
            "connections_too_slow": (
                "Connections closed since a request did not come in time.",
                core.connections.too_slow,
            ),
            "events_lost": ("Cost events that could not be written or kept.", core.log.dropped),
        }
        for name, (text, value) in counters.items():
            yield CounterMetricFamily(f"modeltrack_{name}", text, value)
        gauges = {
            "connections": ("Connections of clients.", core.connections.now),
            "connections_most": ("Connections of clients that there may be.", core.connections.most),
            "in_flight_requests": ("Calls being handled.", len(core.live)),
            "abandoned_requests_now": ("Calls whose answer is read on without their client.", counts.abandoned_now),
            "reserved_usd": ("USD reserved for calls being handled.", core.ledger.reserved_nanos / NANOS_PER_USD),
            "cache_entries": ("Answers in the cache.", entries),
            "cache_bytes": ("Memory that cached answers take.", size),
            "events_waiting": ("Cost events that wait to be written.", core.log.pending),
            "config_errors": ("Configuration files whose last good version is in force.", len(core.config_errors())),
        }
        for name, (text, number) in gauges.items():
            yield GaugeMetricFamily(f"modeltrack_{name}", text, number)
        spend = GaugeMetricFamily("modeltrack_budget_spend_usd", "USD spent this month.", labels=["team", "app"])
        limit = GaugeMetricFamily("modeltrack_budget_limit_usd", "Limit of this month in USD.", labels=["team", "app"])
        for standing in core.ledger.all_standings():
            labels = [standing.budget.team, standing.budget.app]
            spend.add_metric(labels, standing.spent / NANOS_PER_USD)
            limit.add_metric(labels, standing.budget.limit_nanos / NANOS_PER_USD)
        yield spend
        yield limit
