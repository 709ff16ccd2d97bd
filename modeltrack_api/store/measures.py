"""The columns of the database: what an event is filed under, what is kept of it, and what is summed.

A measure is here a column that is summed. The views of `migrations/` say how it is read off an event: `facts`,
`prompt_facts` and `gpu_facts`. A name that is added here needs a migration that adds the column and fills it. A test
checks that the two agree: `tests/modeltrack_api/store/test_migrations.py`.
"""

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
"""The labels of a series. Each is a text, "" where the event has none."""

CALLER = ("user", "key_id")
"""The labels of a caller, which are texts, too. There may be as many callers as people, so their sums are apart."""

COUNTS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "latency_ms")
PARTS = (
    *("cache_write_1h_tokens", "reasoning_tokens"),
    *("audio_input_tokens", "audio_output_tokens", "image_input_tokens", "image_output_tokens"),
)
"""Parts of the counts before: of cache writes, output and input. A line leaves out those that are 0."""
TEXTS = ("session_id", "trace_id", "blocked_by", "error", "prompt_hash", "prompt_template_id")
OPTIONAL = ("ttft_ms", "status_code", "system_prompt_tokens", "user_prompt_tokens")
FLAGS = ("is_streaming", "cache_hit", "usage_estimated", "unmetered", "prewarm", "replayed", "answered_locally")
LISTS = ("unpriced_usage",)
"""Lists of texts. Their column is a JSON array, or "" for an empty one."""
MONEY = {"cost_usd": "cost_nanos", "saved_usd": "saved_nanos"}
"""The name in the log, and the column."""
EXTRA = (
    *("resource_id", "region", "instance_type", "gpu_type", "gpu_count", "gpu_utilization_pct"),
    *("namespace", "pod_name", "job_name"),
)
"""The fields that only the collector's events have. They are one JSON object in the column `extra`, which is null for
other events."""

COST = ("cost_nanos", "requests", "unpriced", "unpriced_usage")
"""The measures that every sum of money needs. `unpriced` are the calls that `cost_nanos` lacks for want of a price,
`unpriced_usage` those of which it lacks a part."""

INPUT = ("input_tokens", "cache_read_tokens", "cache_write_tokens")
BILLED = (*INPUT, "output_tokens")
"""The tokens that a provider billed, in kinds that do not overlap. Hits in ModelTrack's cache have none of them."""

TOKENS = (*BILLED, *PARTS, "hit_tokens")
"""`hit_tokens` are those of hits in ModelTrack's cache, which nobody billed: input and output together."""

MEASURES = (
    *COST,
    *TOKENS,
    *("cache_hits", "cache_misses", "saved_by_cache", "saved_by_routing", "unsaved_hits", "unsaved_routed"),
    *("blocked", "blocked_by_rule", "errors"),
)
"""The columns that are summed by hour and by day, over the view `facts`."""

PROMPT_MEASURES = (
    *COST,
    *("system_tokens", "user_tokens", "output_tokens"),
    *("paid", "paid_input_tokens", "paid_cached_tokens", "paid_output_tokens"),
)
"""The columns that are summed for each prompt by day, over the view `prompt_facts`."""

GPU_MEASURES = ("cost_nanos", "unpriced", "measured", "millionths")
"""The columns that are summed for each GPU by day, over the view `gpu_facts`."""
