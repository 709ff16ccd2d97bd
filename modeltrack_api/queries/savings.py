"""Answer GET /api/cache and /api/routing: what the proxy saved."""

from typing import Any

from modeltrack_api.amounts import percent, usd
from modeltrack_api.queries.common import dearest
from modeltrack_api.store.sums import totals
from modeltrack_api.web.handler import Ask

_CACHE = ("cache_hits", "cache_misses", "saved_by_cache", "requests")
_ROUTING = ("requests", "blocked_by_rule", "saved_by_routing")


def cache(ask: Ask) -> dict[str, Any]:
    """Return what ModelTrack's own cache saved, in all and by team; the team with the highest savings comes first.

    Misses do not include streamed calls, which are never cached, and refused calls. They do include calls whose client
    asked for no cache.
    """
    by_team = dearest(ask, "team", measures=_CACHE, first="saved_by_cache")
    sums = [sum(row[name] for row in by_team) for name in _CACHE[:3]]
    return {
        **_cache_row(*sums),
        "by_team": [{"team": row["team"], **_cache_row(*(row[name] for name in _CACHE[:3]))} for row in by_team],
    }


def _cache_row(hits: int, misses: int, saved: int) -> dict[str, Any]:
    return {
        "hits": hits,
        "misses": misses,
        "hit_rate_percent": percent(hits, hits + misses),
        "saved_usd": usd(saved),
    }


def routing(ask: Ask) -> dict[str, Any]:
    """Return how many calls were given another model by a rule, how many a rule refused, and what that saved.

    `by_rule` has `[{rule, routed, blocked, saved_usd}]`, highest savings first. A call saved the cost that its tokens
    would have had at the prices of the model asked for, less the cost at the prices of the model used.
    """
    order = "saved_by_routing DESC, requests DESC"
    rows = totals(
        ask.db,
        ask.window,
        ask.filters,
        by=("routing_rule", "routed_from", "routed_to"),
        measures=_ROUTING,
        order=f"{order}, routing_rule, routed_from, routed_to",
    )
    rules: dict[str, list[int]] = {}
    pairs: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        routed = row["requests"] if row["routed_to"] else 0
        _add(rules, row["routing_rule"], (routed, row["blocked_by_rule"], row["saved_by_routing"]))
        if routed:
            _add(pairs, (row["routed_from"], row["routed_to"]), (routed, row["saved_by_routing"]))
    routed, blocked, saved = (sum(sums[n] for sums in rules.values()) for n in range(3))
    return {
        "routed": routed,
        "blocked": blocked,
        "saved_usd": usd(saved),
        "by_rule": [
            {"rule": rule, "routed": routed, "blocked": blocked, "saved_usd": usd(saved)}
            for rule, (routed, blocked, saved) in sorted(rules.items(), key=lambda item: (-item[1][2], item[0]))
            if routed or blocked
        ],
        "by_pair": [
            {"from": pair[0], "to": pair[1], "count": count, "saved_usd": usd(saved)}
            for pair, (count, saved) in sorted(pairs.items(), key=lambda item: (-item[1][1], item[0]))
        ],
    }


def _add[Key](sums: dict[Key, list[int]], key: Key, values: tuple[int, ...]) -> None:
    sums[key] = [a + b for a, b in zip(sums.get(key, [0] * len(values)), values, strict=True)]
