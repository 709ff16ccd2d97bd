"""Answer GET /api/cache and /api/routing: what the proxy saved."""

from typing import Any

from modeltrack_api.amounts import known, percent, usd_or_null
from modeltrack_api.queries.common import Sum, added, dearest
from modeltrack_api.store.sums import totals
from modeltrack_api.web.handler import Ask

_CACHE = ("cache_hits", "cache_misses", "saved_by_cache", "unsaved_hits", "hit_tokens")
_ROUTING = ("requests", "blocked_by_rule", "saved_by_routing", "unsaved_routed")


def cache(ask: Ask) -> dict[str, Any]:
    """Return what ModelTrack's own cache saved, in all and by team; the team with the highest savings comes first.

    Misses do not include streamed calls, which are never cached, and refused calls. They do include calls whose client
    asked for no cache. `unpriced_requests` are hits on answers without a known price, of which nobody knows what they
    saved; `hit_tokens` are the tokens of the answers that hits repeated.
    """
    by_team = dearest(ask, "team", measures=(*_CACHE, "requests"), first="saved_by_cache")
    return {
        **_cache_row(added(by_team, _CACHE)),
        "by_team": [{"team": row["team"], **_cache_row(row)} for row in by_team],
    }


def _cache_row(row: Sum) -> dict[str, Any]:
    return {
        "hits": row["cache_hits"],
        "misses": row["cache_misses"],
        "hit_rate_percent": percent(row["cache_hits"], row["cache_hits"] + row["cache_misses"]),
        **_saved(row["saved_by_cache"], row["unsaved_hits"]),
        "hit_tokens": row["hit_tokens"],
    }


def _saved(nanos: int, unpriced: int) -> dict[str, Any]:
    return {"saved_usd": usd_or_null(known(nanos, unpriced)), "unpriced_requests": unpriced}


def routing(ask: Ask) -> dict[str, Any]:
    """Return how many calls were given another model by a rule, how many a rule refused, and what that saved.

    `by_rule` has `[{rule, routed, blocked, saved_usd}]`, highest savings first. A call saved the cost that its tokens
    would have had at the prices of the model asked for, less the cost at the prices of the model used. Where one of the
    two prices is not known, it is not in the sum, but in `unpriced_requests`.
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
        saved, unsaved = row["saved_by_routing"], row["unsaved_routed"]
        _add(rules, row["routing_rule"], (routed, row["blocked_by_rule"], saved, unsaved))
        if routed:
            _add(pairs, (row["routed_from"], row["routed_to"]), (routed, saved, unsaved))
    routed, blocked, saved, unsaved = (sum(sums[n] for sums in rules.values()) for n in range(4))
    return {
        "routed": routed,
        "blocked": blocked,
        **_saved(saved, unsaved),
        "by_rule": [
            {"rule": rule, "routed": routed, "blocked": blocked, **_saved(saved, unsaved)}
            for rule, (routed, blocked, saved, unsaved) in sorted(
                rules.items(), key=lambda item: (-item[1][2], item[0])
            )
            if routed or blocked
        ],
        "by_pair": [
            {"from": pair[0], "to": pair[1], "count": count, **_saved(saved, unsaved)}
            for pair, (count, saved, unsaved) in sorted(pairs.items(), key=lambda item: (-item[1][1], item[0]))
        ],
    }


def _add[Key](sums: dict[Key, list[int]], key: Key, values: tuple[int, ...]) -> None:
    sums[key] = [a + b for a, b in zip(sums.get(key, [0] * len(values)), values, strict=True)]
