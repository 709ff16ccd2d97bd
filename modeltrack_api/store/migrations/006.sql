-- Calls have a user and the id of a key. There may be as many of both as people, so they are no labels of a series: `hourly`
-- and `daily` would grow with them, and every question take longer. Each pair is a caller, and has sums by day of its own.

CREATE TABLE callers (
    id INTEGER PRIMARY KEY,
    user TEXT NOT NULL, key_id TEXT NOT NULL,
    UNIQUE (user, key_id)
) STRICT;
-- The caller of events that name neither, as all have until now.
INSERT INTO callers (id, user, key_id) VALUES (1, '', '');

ALTER TABLE events ADD COLUMN caller INTEGER NOT NULL DEFAULT 1;
CREATE INDEX events_by_caller ON events (caller, ts);

DROP VIEW facts;
CREATE VIEW facts AS SELECT
    e.id, e.ts AS start, e.series, e.caller,
    1 AS requests,
    coalesce(e.cost_nanos, 0) AS cost_nanos,
    iif(e.cache_hit, 0, e.input_tokens) AS input_tokens,
    iif(e.cache_hit, 0, e.cache_read_tokens) AS cache_read_tokens,
    iif(e.cache_hit, 0, e.cache_write_tokens) AS cache_write_tokens,
    iif(e.cache_hit, 0, e.cache_write_1h_tokens) AS cache_write_1h_tokens,
    iif(e.cache_hit, 0, e.output_tokens) AS output_tokens,
    iif(e.cache_hit, 0, e.reasoning_tokens) AS reasoning_tokens,
    iif(e.cache_hit, 0, e.audio_input_tokens) AS audio_input_tokens,
    iif(e.cache_hit, 0, e.audio_output_tokens) AS audio_output_tokens,
    iif(e.cache_hit, 0, e.image_input_tokens) AS image_input_tokens,
    iif(e.cache_hit, 0, e.image_output_tokens) AS image_output_tokens,
    iif(e.cache_hit, e.input_tokens + e.cache_read_tokens + e.cache_write_tokens + e.output_tokens, 0) AS hit_tokens,
    e.cache_hit AS cache_hits,
    e.cache_hit = 0 AND e.is_streaming = 0 AND e.blocked_by = '' AS cache_misses,
    iif(e.cache_hit, coalesce(e.saved_nanos, 0), 0) AS saved_by_cache,
    iif(e.cache_hit, 0, coalesce(e.saved_nanos, 0)) AS saved_by_routing,
    e.saved_nanos IS NULL AND e.cache_hit AS unsaved_hits,
    e.saved_nanos IS NULL AND e.cache_hit = 0
        AND (SELECT s.routed_to != '' FROM series s WHERE s.id = e.series) AS unsaved_routed,
    e.blocked_by != '' AS blocked,
    e.blocked_by = 'rule' AS blocked_by_rule,
    e.error != '' AND e.blocked_by = '' AS errors,
    e.cost_nanos IS NULL AS unpriced,
    e.unpriced_usage != '' AND e.cache_hit = 0 AS unpriced_usage
FROM events e;

-- The key begins with the caller, because callers are grouped by it: the table is then in the right order already.
CREATE TABLE callers_daily (
    start INTEGER, caller INTEGER, series INTEGER,
    requests INTEGER NOT NULL, cost_nanos INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL, cache_read_tokens INTEGER NOT NULL, cache_write_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,
    audio_input_tokens INTEGER NOT NULL, audio_output_tokens INTEGER NOT NULL,
    image_input_tokens INTEGER NOT NULL, image_output_tokens INTEGER NOT NULL, hit_tokens INTEGER NOT NULL,
    cache_hits INTEGER NOT NULL, cache_misses INTEGER NOT NULL,
    saved_by_cache INTEGER NOT NULL, saved_by_routing INTEGER NOT NULL,
    unsaved_hits INTEGER NOT NULL, unsaved_routed INTEGER NOT NULL,
    blocked INTEGER NOT NULL, blocked_by_rule INTEGER NOT NULL, errors INTEGER NOT NULL,
    unpriced INTEGER NOT NULL, unpriced_usage INTEGER NOT NULL,
    PRIMARY KEY (caller, series, start)
) STRICT, WITHOUT ROWID;
INSERT INTO callers_daily (
    start, caller, series, requests, cost_nanos, input_tokens, cache_read_tokens, cache_write_tokens,
    cache_write_1h_tokens, output_tokens, reasoning_tokens, audio_input_tokens, audio_output_tokens, image_input_tokens,
    image_output_tokens, hit_tokens, cache_hits, cache_misses, saved_by_cache, saved_by_routing, unsaved_hits,
    unsaved_routed, blocked, blocked_by_rule, errors, unpriced, unpriced_usage
)
SELECT
    start, 1, series, requests, cost_nanos, input_tokens, cache_read_tokens, cache_write_tokens,
    cache_write_1h_tokens, output_tokens, reasoning_tokens, audio_input_tokens, audio_output_tokens, image_input_tokens,
    image_output_tokens, hit_tokens, cache_hits, cache_misses, saved_by_cache, saved_by_routing, unsaved_hits,
    unsaved_routed, blocked, blocked_by_rule, errors, unpriced, unpriced_usage
FROM daily;

DROP VIEW prompt_facts;
CREATE VIEW prompt_facts AS SELECT
    e.id, e.ts AS start, coalesce(nullif(e.prompt_template_id, ''), e.prompt_hash) AS prompt_id, e.series, e.caller,
    1 AS requests,
    coalesce(e.cost_nanos, 0) AS cost_nanos,
    e.cost_nanos IS NULL AS unpriced,
    e.unpriced_usage != '' AND e.cache_hit = 0 AS unpriced_usage,
    coalesce(e.system_prompt_tokens, 0) AS system_tokens,
    coalesce(e.user_prompt_tokens, 0) AS user_tokens,
    e.output_tokens AS output_tokens,
    coalesce(e.cost_nanos > 0, 0) AS paid,
    iif(e.cost_nanos > 0, e.input_tokens + e.cache_read_tokens + e.cache_write_tokens, 0) AS paid_input_tokens,
    iif(e.cost_nanos > 0, e.cache_read_tokens + e.cache_write_tokens, 0) AS paid_cached_tokens,
    iif(e.cost_nanos > 0, e.output_tokens, 0) AS paid_output_tokens
FROM events e WHERE extra IS NULL AND coalesce(nullif(e.prompt_template_id, ''), e.prompt_hash) != '';

CREATE TABLE callers_of_sessions (
    session_id TEXT, series INTEGER, caller INTEGER, PRIMARY KEY (session_id, series, caller)
) STRICT, WITHOUT ROWID;
INSERT INTO callers_of_sessions (session_id, series, caller) SELECT session_id, series, 1 FROM session_series;
DROP TABLE session_series;
ALTER TABLE callers_of_sessions RENAME TO session_series;
CREATE INDEX session_series_by_caller ON session_series (caller);
