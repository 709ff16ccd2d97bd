"""What an event is filed under, what is kept of it, and what is summed: names of columns, and how they are made."""

LABELS = (
    "event_type",
    "provider",
    "model",
    "team",
    "app_id",
    "feature",
    "customer_tier",
    "routed_from",
    "routed_to",
    "routing_rule",
    "service",
)
"""Of a series, each a text, "" where the event has none."""

COUNTS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "latency_ms")
TEXTS = ("session_id", "trace_id", "blocked_by", "error", "prompt_hash", "prompt_template_id")
OPTIONAL = ("ttft_ms", "status_code", "system_prompt_tokens", "user_prompt_tokens")
FLAGS = ("is_streaming", "cache_hit", "usage_estimated")
MONEY = {"cost_usd": "cost_nanos", "saved_usd": "saved_nanos"}
"""Name in the log, and here."""
EXTRA = (
    *("resource_id", "region", "instance_type", "gpu_type", "gpu_count", "gpu_utilization_pct"),
    *("namespace", "pod_name", "job_name"),
)
"""What only the collector's events have: one JSON object in the column `extra`, null for other events."""

MEASURES = {
    "requests": "1",
    "cost_nanos": "coalesce(e.cost_nanos, 0)",
    "input_tokens": "e.input_tokens + e.cache_read_tokens + e.cache_write_tokens",
    "output_tokens": "e.output_tokens",
    "cache_hits": "e.cache_hit",
    # Asked of the cache in vain: what is neither streamed, which is never cached, nor refused before.
    "cache_misses": "e.cache_hit = 0 and e.is_streaming = 0 and e.blocked_by = ''",
    "saved_by_cache": "iif(e.cache_hit, coalesce(e.saved_nanos, 0), 0)",
    "saved_by_routing": "iif(e.cache_hit, 0, coalesce(e.saved_nanos, 0))",
    "blocked": "e.blocked_by != ''",
    "blocked_by_rule": "e.blocked_by = 'rule'",
    "errors": "e.error != '' and e.blocked_by = ''",
    "unpriced": "e.cost_nanos is null",
}
"""What is summed by hour and day, and how it is read off an event. Input tokens include the cache's, as those of a
request do; those of a cache hit were used by the call that it repeats, and count here as well."""

PROMPT_MEASURES = {
    "requests": "1",
    "cost_nanos": MEASURES["cost_nanos"],
    "system_tokens": "coalesce(e.system_prompt_tokens, 0)",
    "user_tokens": "coalesce(e.user_prompt_tokens, 0)",
    "output_tokens": MEASURES["output_tokens"],
    "paid": "coalesce(e.cost_nanos > 0, 0)",
    "paid_input_tokens": f"iif(e.cost_nanos > 0, {MEASURES['input_tokens']}, 0)",
    "paid_cached_tokens": "iif(e.cost_nanos > 0, e.cache_read_tokens + e.cache_write_tokens, 0)",
    "paid_output_tokens": "iif(e.cost_nanos > 0, e.output_tokens, 0)",
}
"""What is summed of each prompt by day. The paid calls are those on which something could have been saved."""

PERCENT = (
    "iif(json_type(e.extra, '$.gpu_utilization_pct') IN ('integer', 'real'), e.extra ->> 'gpu_utilization_pct', null)"
)
GPU_MEASURES = {
    "cost_nanos": MEASURES["cost_nanos"],
    "measured": f"{PERCENT} IS NOT NULL",
    "millionths": f"coalesce(CAST(round(min(max({PERCENT}, 0), 100) * 1000000) AS INTEGER), 0)",
}
"""What is summed of each GPU by day; the percents as whole numbers, whose sum does not depend on their order."""

PROMPT_ID = "coalesce(nullif(e.prompt_template_id, ''), e.prompt_hash)"
