"""List what the routes of the API answer, by name and type."""

from typing import Any, NamedTuple

from tests.modeltrack_api.shapes import MapOf, Shape, day, flag, number, text, time, whole

usd = number
spent = (usd, None)
"""A sum of money; null where nothing of it is known."""
LEFT_OUT = {"unpriced_requests": whole, "unpriced_usage_requests": whole}
TOKENS = {
    **{"total_input_tokens": whole, "total_cache_read_tokens": whole, "total_cache_write_tokens": whole},
    **{"total_cache_write_1h_tokens": whole, "total_output_tokens": whole, "total_reasoning_tokens": whole},
    **{"total_audio_input_tokens": whole, "total_audio_output_tokens": whole, "total_image_input_tokens": whole},
    **{"total_image_output_tokens": whole, "total_tokens": whole, "total_hit_tokens": whole},
}
COSTS_OF_MACHINES = {"cost": spent, "unpriced_events": whole}
SESSION = {
    **LEFT_OUT,
    **{"session_id": text, "total_cost": spent, "request_count": whole, "models": text, "duration_seconds": number},
    **{"team": text, "app_id": text, "user": text, "first_seen": time, "last_seen": time},
}
EVENT = {
    **{"event_id": text, "timestamp": time, "event_type": text, "provider": text, "model": text},
    **{"cost_usd": (usd, None), "input_tokens": whole, "output_tokens": whole, "latency_ms": whole},
    **{"is_streaming": flag, "cache_hit": flag},
}
MONTHLY = {"monthly": usd, "quarterly": usd}
SHARE = {"spend": spent, "requests": whole, "pct_of_total": (number, None), **LEFT_OUT}
REPORT = {
    "period": {"start": day, "end": day, "label": text},
    "summary": {
        **LEFT_OUT,
        **{"total_spend": usd, "total_requests": whole, "unique_models": whole, "unique_teams": whole},
        **{"unique_features": whole, "unique_users": whole, "unique_keys": whole},
        **{"avg_cost_per_request": usd, "cache_hit_rate": number},
    },
    "trends": dict.fromkeys(["spend_change_pct", "request_change_pct", "cost_efficiency_change_pct"], (number, None)),
    "spend_by_team": [{"team": text, **SHARE}],
    "spend_by_model": [{"model": text, **SHARE}],
    "spend_by_feature": [{"feature": text, "spend": spent, "requests": whole, "avg_cost": spent, **LEFT_OUT}],
    "spend_by_user": [{"user": text, **SHARE}],
    "spend_by_key": [{"key_id": text, **SHARE}],
    "daily_spend": [{"date": day, "spend": spent, "requests": whole, **LEFT_OUT}],
    "optimization_actions": [{"type": text, "description": text, "estimated_savings": usd}],
    "recommendations": [text],
}
ALERT = {
    **{"id": whole, "type": ("anomaly", "budget_warning", "budget_exceeded", "unknown_model"), "team": text},
    **{"app_id": text, "hour": (time, None), "message": text, "hourly_spend": (usd, None), "avg_spend": (usd, None)},
    **{"dismissed_at": (time, None), "created_at": time, "unpriced_requests": (whole, None)},
}
ALERT_BUDGET = {
    **{"id": whole, "team": text, "app_id": text, "daily_limit_usd": (usd, None), "monthly_limit_usd": (usd, None)},
    **{"created_at": time},
}
SCHEDULE = {
    **{"id": whole, "name": text, "period": text, "frequency": ("daily", "weekly", "monthly"), "hour": whole},
    **{"day_of_week": (whole, None), "day_of_month": (whole, None), "delivery": "slack", "enabled": flag},
    **{"created_at": time, "last_sent_at": (time, None)},
}
PERIOD = {"total_spend": spent, "request_count": whole, **TOKENS, **LEFT_OUT}
SAVED = {"saved_usd": spent, "unpriced_requests": whole}
OF_A_LABEL = {
    **{"total_cost": spent, "request_count": whole, "avg_cost_per_request": spent},
    **{"primary_model": text, "primary_team": text, **TOKENS, **LEFT_OUT},
}
CACHE = {"hits": whole, "misses": whole, "hit_rate_percent": number, "hit_tokens": whole, **SAVED}

GETS: dict[str, Shape] = {
    "/api/health": {"status": "ok", "timestamp": time},
    "/api/overview": {
        **{"spend_today": usd, "spend_this_week": usd, "spend_this_month": usd, "total_requests": whole},
        "top_model": {"model": text, "spend": usd, **LEFT_OUT},
        "top_team": {"team": text, "spend": usd, **LEFT_OUT},
        "spend_trend": [{"day": day, "spend": spent, "requests": whole, **LEFT_OUT}],
        **{"saved_by_cache": usd, "saved_by_routing": usd, "blocked_requests": whole},
        **{"unpriced_hits": whole, "unpriced_routed": whole, "unpriced_requests_today": whole},
        **{"unpriced_requests_this_week": whole, "unpriced_requests_this_month": whole, **LEFT_OUT},
    },
    "/api/overview?team=nobody": {"total_requests": 0, "top_model": None, "top_team": None},
    "/api/spend": [{"period": day, **PERIOD}],
    "/api/spend?granularity=hour": [{"period": time, **PERIOD}],
    "/api/spend?granularity=week": [{"period": day, **PERIOD}],
    "/api/spend?granularity=month": [{"period": day, **PERIOD}],
    "/api/spend/summary": {
        **{"total_spend": usd, "total_requests": whole, **LEFT_OUT},
        **{"by_team": MapOf(spent), "by_model": MapOf(spent), "by_app": MapOf(spent)},
        **{"by_user": MapOf(spent), "by_key": MapOf(spent)},
        **{f"unpriced_requests_by_{label}": MapOf(whole) for label in ("team", "model", "app", "user", "key")},
    },
    "/api/models": [
        {
            **{"model": text, "provider": text, "total_spend": spent, "avg_cost_per_request": spent},
            **{"request_count": whole, **TOKENS, **LEFT_OUT},
        }
    ],
    "/api/teams": [
        {
            **{"team": text, "total_spend": spent, "request_count": whole, **LEFT_OUT},
            **{"infra_cost": spent, "infra_unpriced_events": whole},
            **{"by_model": MapOf(spent), "by_app": MapOf(spent)},
            **{f"unpriced_requests_by_{label}": MapOf(whole) for label in ("model", "app")},
        }
    ],
    "/api/users": [{"user": text, "primary_key": text, **OF_A_LABEL}],
    "/api/users?key_id=product-1": [{"user": "ann", "primary_key": "product-1", **OF_A_LABEL}],
    "/api/keys": [{"key_id": text, "primary_user": text, **OF_A_LABEL}],
    "/api/features": [{"feature": text, **OF_A_LABEL}],
    "/api/features/chat": {
        "feature": "chat",
        "cost_over_time": [{"day": day, "daily_cost": spent, "daily_requests": whole, **LEFT_OUT}],
        "by_model": [{"model": text, "total_cost": spent, "request_count": whole, **TOKENS, **LEFT_OUT}],
        "by_team": [{"team": text, "total_cost": spent, "request_count": whole, **LEFT_OUT}],
        "avg_tokens": {
            **{"avg_input_tokens": number, "avg_output_tokens": number},
            **{"avg_cache_read_tokens": number, "avg_cache_write_tokens": number},
        },
    },
    "/api/sessions": [SESSION],
    "/api/sessions/the%20session": {"summary": {**SESSION, "trace_ids": [text]}, "events": [EVENT]},
    **{
        f"/api/prompts?sort_by={order}": [
            {
                **{"prompt_id": text, "request_count": whole, "total_cost": spent, "avg_cost_per_request": spent},
                **LEFT_OUT,
                **{"avg_system_tokens": number, "avg_user_tokens": number, "avg_output_tokens": number},
                **{"models_used": text, "features": text, "teams": text},
                "optimization_suggestions": ([], [text]),
            }
        ]
        for order in ("total_cost", "request_count", "avg_cost", "avg_system_tokens")
    },
    "/api/prompts/summary": {
        "total_unique_prompts": whole,
        "most_expensive_prompt": {"id": text, "total_cost": usd, **LEFT_OUT},
        "longest_system_prompt": {"id": text, "avg_system_tokens": number},
        "most_cacheable": {"id": text, "request_count": whole},
        **{"potential_savings": usd, **LEFT_OUT},
    },
    "/api/segments": [
        {
            **{"customer_tier": text, "total_cost": spent, "request_count": whole, "avg_cost_per_request": spent},
            **LEFT_OUT,
            "by_model": [{"model": text, "spend": spent, "request_count": whole, **LEFT_OUT}],
        }
    ],
    "/api/infrastructure": {
        **{"total_infra_cost": usd, "unpriced_events": whole},
        "by_service": [{"service": text, "events": whole, **COSTS_OF_MACHINES}],
        "by_team": [{"team": text, "events": whole, **COSTS_OF_MACHINES}],
        "gpu_utilization": [
            {
                **{"resource_id": text, "gpu_type": text, "avg_utilization": (number, None), "team": text},
                **COSTS_OF_MACHINES,
            }
        ],
        "daily_trend": [{"date": day, **COSTS_OF_MACHINES}],
    },
    **{
        f"/api/forecast?horizon_days=60&granularity={granularity}": {
            "historical": [{"date": day, "spend": spent, **LEFT_OUT}],
            "forecast": [{"date": day, "predicted": usd, "low": usd, "high": usd}],
            "summary": {
                **{"current_monthly_run_rate": usd, "projected_next_month": usd, "projected_next_quarter": usd},
                **{"growth_rate_pct": number, "confidence": ("low", "medium", "high"), **LEFT_OUT},
            },
            "scenarios": {
                "current_trend": MONTHLY,
                "if_traffic_doubles": MONTHLY,
                "if_switch_to_cheaper_model": {**MONTHLY, "savings": usd, "description": text},
            },
        }
        for granularity in ("day", "week", "month")
    },
    "/api/estimator/models": [{"provider": text, "model": text, "input_per_mtok": usd, "output_per_mtok": usd}],
    **{f"/api/reports/executive?period={period}": REPORT for period in ("weekly", "monthly", "quarterly")},
    "/api/reports/schedules": [SCHEDULE],
    "/api/alerts": [ALERT],
    "/api/alerts?include_dismissed=true": [ALERT],
    "/api/alerts/budgets": [ALERT_BUDGET],
    "/api/budgets": [
        {
            **{"team": text, "app": text, "monthly_limit": usd, "action": ("warn", "block"), "spend": usd},
            **{"percent": number, "remaining": usd, "projected_month_end": usd, "exhausted_on": (day, None)},
            **LEFT_OUT,
        }
    ],
    "/api/cache": {**CACHE, "by_team": [{"team": text, **CACHE}]},
    "/api/routing": {
        **{"routed": whole, "blocked": whole, **SAVED},
        "by_rule": [{"rule": text, **SAVED}],
        "by_pair": [{"from": text, "to": text, "count": whole, **SAVED}],
    },
    "/api/events?limit=5&team=product": {"events": [EVENT], "next_cursor": text},
    "/api/events?user=ann&limit=5": {"events": [EVENT | {"user": "ann", "key_id": "product-1"}], "next_cursor": None},
    "/api/events?team=nobody": {"events": [], "next_cursor": None},
}

PLAN = {"model": "gpt-4o", "avg_input_tokens": 500, "avg_output_tokens": 150, "requests_per_day": 1000}
COSTS = ["cost_per_request", "daily_cost", "weekly_cost", "monthly_cost", "quarterly_cost", "annual_cost"]
ESTIMATE = {
    "estimate": dict.fromkeys(COSTS, usd),
    "with_caching": {
        **{"cost_per_request": usd, "daily_cost": usd, "monthly_cost": usd},
        **{"savings_vs_no_cache": usd, "savings_pct": number},
    },
    "model_comparison": [
        {
            **{"model": text, "provider": text, "cost_per_request": usd, "monthly_cost": usd},
            **{"is_selected": flag, "savings_vs_selected": usd},
        }
    ],
    "similar_features": [
        {"feature": text, "avg_cost_per_request": usd, "monthly_cost": usd, "request_count": whole, **LEFT_OUT}
    ],
}


class Write(NamedTuple):
    method: str
    path: str
    status: int
    shape: Shape
    body: Any = None


NEW_SCHEDULE = {"name": "Mondays", "period": "weekly", "frequency": "weekly"}
WRITES = [
    Write("POST", "/api/estimator/calculate", 200, ESTIMATE, PLAN),
    Write("POST", "/api/estimator/calculate", 200, ESTIMATE, {**PLAN, "cache_hit_rate": 0.5}),
    Write("POST", "/api/reports/schedules", 201, SCHEDULE, NEW_SCHEDULE),
    Write("DELETE", "/api/reports/schedules/{schedule}", 200, {}),
    Write("PATCH", "/api/alerts/{alert}/dismiss", 200, {"dismissed": True, "id": whole}),
    Write("PATCH", "/api/alerts/dismiss-bulk", 200, {"dismissed": whole}, {"ids": [1, 2]}),
    Write("PATCH", "/api/alerts/restore-all", 200, {"restored": whole}),
    Write("POST", "/api/alerts/budgets", 201, ALERT_BUDGET, {"team": "product", "daily_limit_usd": 12.5}),
    Write("DELETE", "/api/alerts/budgets/{budget}", 200, {}),
]

REFUSED = [
    Write("GET", "/api/features/nothing", 404, None),
    Write("GET", "/api/sessions/nothing", 404, None),
    Write("GET", "/api/nothing", 404, None),
    Write("GET", "/api/prompts?sort_by=name", 400, None),
    Write("GET", "/api/spend?granularity=year", 400, None),
    Write("POST", "/api/spend", 405, None, {}),
    Write("POST", "/api/alerts/budgets", 400, None, {"team": "product"}),
    Write("POST", "/api/reports/schedules", 400, None, {"name": "x", "period": "weekly"}),
    Write("POST", "/api/alerts/test-slack", 400, None, {}),
    Write("POST", "/api/estimator/calculate", 413, None, "x" * 70_000),
]
