-- Cost events out of the log, and sums of them by hour and by day. Money is in nano-USD, times are in microseconds since
-- 1970 (UTC).

CREATE TABLE log_files (
    device INTEGER, inode INTEGER,
    head BLOB NOT NULL,      -- the file's first bytes, since inodes are used again
    offset INTEGER NOT NULL, -- up to which it has been read
    PRIMARY KEY (device, inode)
) STRICT, WITHOUT ROWID;

-- The labels that events share, once each. Events and sums refer to them by number, so that the sums stay small and
-- grouping by one label touches a few hundred rows of text.
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    event_type TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL, team TEXT NOT NULL, app_id TEXT NOT NULL, feature TEXT NOT NULL, customer_tier TEXT NOT NULL, routed_from TEXT NOT NULL, routed_to TEXT NOT NULL, routing_rule TEXT NOT NULL, service TEXT NOT NULL,
    UNIQUE (event_type, provider, model, team, app_id, feature, customer_tier, routed_from, routed_to, routing_rule, service)
) STRICT;

-- `extra` is a JSON object of what only the collector's events have; it is null for calls to models.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    event_id BLOB NOT NULL UNIQUE,
    ts INTEGER NOT NULL,
    series INTEGER NOT NULL,
    cost_nanos INTEGER,
    saved_nanos INTEGER,
    input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cache_read_tokens INTEGER NOT NULL, cache_write_tokens INTEGER NOT NULL, latency_ms INTEGER NOT NULL, is_streaming INTEGER NOT NULL, cache_hit INTEGER NOT NULL, usage_estimated INTEGER NOT NULL,
    ttft_ms INTEGER, status_code INTEGER, system_prompt_tokens INTEGER, user_prompt_tokens INTEGER,
    session_id TEXT NOT NULL, trace_id TEXT NOT NULL, blocked_by TEXT NOT NULL, error TEXT NOT NULL, prompt_hash TEXT NOT NULL, prompt_template_id TEXT NOT NULL,
    extra TEXT
) STRICT;
CREATE INDEX events_by_time ON events (ts);
CREATE INDEX events_by_series ON events (series, ts);
CREATE INDEX events_by_session ON events (session_id, ts) WHERE session_id != '';
CREATE INDEX events_by_trace ON events (trace_id, session_id) WHERE trace_id != '';

-- What is summed by hour and by day, read off single events: for the parts of hours and days at the ends of a range.
-- Input tokens include those from the provider's cache. Those of a cache hit were used by the call that it repeats, and
-- count here as well. A miss is a call that asked the cache in vain: neither streamed (such calls are never cached) nor
-- refused.
CREATE VIEW facts AS SELECT e.id, e.ts AS start, e.series, 1 AS requests, coalesce(e.cost_nanos, 0) AS cost_nanos, e.input_tokens + e.cache_read_tokens + e.cache_write_tokens AS input_tokens, e.output_tokens AS output_tokens, e.cache_hit AS cache_hits, e.cache_hit = 0 and e.is_streaming = 0 and e.blocked_by = '' AS cache_misses, iif(e.cache_hit, coalesce(e.saved_nanos, 0), 0) AS saved_by_cache, iif(e.cache_hit, 0, coalesce(e.saved_nanos, 0)) AS saved_by_routing, e.blocked_by != '' AS blocked, e.blocked_by = 'rule' AS blocked_by_rule, e.error != '' and e.blocked_by = '' AS errors, e.cost_nanos is null AS unpriced FROM events e;
CREATE TABLE hourly (
    start INTEGER, series INTEGER, requests INTEGER NOT NULL, cost_nanos INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cache_hits INTEGER NOT NULL, cache_misses INTEGER NOT NULL, saved_by_cache INTEGER NOT NULL, saved_by_routing INTEGER NOT NULL, blocked INTEGER NOT NULL, blocked_by_rule INTEGER NOT NULL, errors INTEGER NOT NULL, unpriced INTEGER NOT NULL, PRIMARY KEY (start, series)
) STRICT, WITHOUT ROWID;
CREATE TABLE daily (
    start INTEGER, series INTEGER, requests INTEGER NOT NULL, cost_nanos INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cache_hits INTEGER NOT NULL, cache_misses INTEGER NOT NULL, saved_by_cache INTEGER NOT NULL, saved_by_routing INTEGER NOT NULL, blocked INTEGER NOT NULL, blocked_by_rule INTEGER NOT NULL, errors INTEGER NOT NULL, unpriced INTEGER NOT NULL, PRIMARY KEY (start, series)
) STRICT, WITHOUT ROWID;

-- What is summed of each prompt by day. The paid calls are those on which something could have been saved.
CREATE VIEW prompt_facts AS
    SELECT e.id, e.ts AS start, coalesce(nullif(e.prompt_template_id, ''), e.prompt_hash) AS prompt_id, e.series, 1 AS requests, coalesce(e.cost_nanos, 0) AS cost_nanos, coalesce(e.system_prompt_tokens, 0) AS system_tokens, coalesce(e.user_prompt_tokens, 0) AS user_tokens, e.output_tokens AS output_tokens, coalesce(e.cost_nanos > 0, 0) AS paid, iif(e.cost_nanos > 0, e.input_tokens + e.cache_read_tokens + e.cache_write_tokens, 0) AS paid_input_tokens, iif(e.cost_nanos > 0, e.cache_read_tokens + e.cache_write_tokens, 0) AS paid_cached_tokens, iif(e.cost_nanos > 0, e.output_tokens, 0) AS paid_output_tokens
    FROM events e WHERE extra IS NULL AND coalesce(nullif(e.prompt_template_id, ''), e.prompt_hash) != '';
-- The key begins with the prompt, because prompts are grouped by it: the table is then in the right order already.
CREATE TABLE prompts_daily (
    start INTEGER, prompt_id TEXT, series INTEGER, requests INTEGER NOT NULL, cost_nanos INTEGER NOT NULL, system_tokens INTEGER NOT NULL, user_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, paid INTEGER NOT NULL, paid_input_tokens INTEGER NOT NULL, paid_cached_tokens INTEGER NOT NULL, paid_output_tokens INTEGER NOT NULL, PRIMARY KEY (prompt_id, series, start)
) STRICT, WITHOUT ROWID;

-- What is summed of each GPU by day. Percents are summed as whole millionths, so that the order does not change the sum.
CREATE VIEW gpu_facts AS
    SELECT e.id, e.ts AS start, coalesce(e.extra ->> 'resource_id', '') AS resource_id,
           coalesce(e.extra ->> 'gpu_type', '') AS gpu_type, e.series, coalesce(e.cost_nanos, 0) AS cost_nanos, iif(json_type(e.extra, '$.gpu_utilization_pct') IN ('integer', 'real'), e.extra ->> 'gpu_utilization_pct', null) IS NOT NULL AS measured, coalesce(CAST(round(min(max(iif(json_type(e.extra, '$.gpu_utilization_pct') IN ('integer', 'real'), e.extra ->> 'gpu_utilization_pct', null), 0), 100) * 1000000) AS INTEGER), 0) AS millionths
    FROM events e WHERE extra IS NOT NULL AND (coalesce(e.extra ->> 'gpu_type', '') != '' OR iif(json_type(e.extra, '$.gpu_utilization_pct') IN ('integer', 'real'), e.extra ->> 'gpu_utilization_pct', null) IS NOT NULL);
CREATE INDEX events_with_extra ON events (ts) WHERE extra IS NOT NULL;
CREATE TABLE gpus_daily (
    start INTEGER, resource_id TEXT, gpu_type TEXT, series INTEGER, cost_nanos INTEGER NOT NULL, measured INTEGER NOT NULL, millionths INTEGER NOT NULL,
    PRIMARY KEY (start, resource_id, gpu_type, series)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    session_id TEXT PRIMARY KEY,
    first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
    requests INTEGER NOT NULL, cost_nanos INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_time ON sessions (last_seen);
CREATE TABLE session_series (session_id TEXT, series INTEGER, PRIMARY KEY (session_id, series)) STRICT, WITHOUT ROWID;
