-- Tokens by what they cost: until now the sums counted what was read from and written to the provider's cache as input, and
-- the tokens of hits in ModelTrack's own cache, which nobody billed, like all others. They get columns of their own, with
-- parts of input and output that have prices of their own. Beside each sum of money stands what is not in it: calls without
-- a known price, and calls of which only a part has one. All sums are made again from `events`; what older events did not
-- say counts as 0.

ALTER TABLE events ADD COLUMN cache_write_1h_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN reasoning_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN audio_input_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN audio_output_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN image_input_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN image_output_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN prewarm INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN replayed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN answered_locally INTEGER NOT NULL DEFAULT 0;
-- A JSON array of paths in the provider's usage; '' where all of it has a price.
ALTER TABLE events ADD COLUMN unpriced_usage TEXT NOT NULL DEFAULT '';

-- `unsaved_hits` and `unsaved_routed` are hits and downgrades of which nobody knows what they saved.
DROP VIEW facts;
CREATE VIEW facts AS SELECT
    e.id, e.ts AS start, e.series,
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

DROP TABLE hourly;
CREATE TABLE hourly (
    start INTEGER, series INTEGER,
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
    PRIMARY KEY (start, series)
) STRICT, WITHOUT ROWID;
INSERT INTO hourly (
    start, series, requests, cost_nanos, input_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens,
    output_tokens, reasoning_tokens, audio_input_tokens, audio_output_tokens, image_input_tokens, image_output_tokens,
    hit_tokens, cache_hits, cache_misses, saved_by_cache, saved_by_routing, unsaved_hits, unsaved_routed,
    blocked, blocked_by_rule, errors, unpriced, unpriced_usage
)
SELECT
    start / 3600000000 * 3600000000 AS hour, series, sum(requests), sum(cost_nanos), sum(input_tokens),
    sum(cache_read_tokens), sum(cache_write_tokens), sum(cache_write_1h_tokens), sum(output_tokens),
    sum(reasoning_tokens), sum(audio_input_tokens), sum(audio_output_tokens), sum(image_input_tokens),
    sum(image_output_tokens), sum(hit_tokens), sum(cache_hits), sum(cache_misses), sum(saved_by_cache),
    sum(saved_by_routing), sum(unsaved_hits), sum(unsaved_routed), sum(blocked), sum(blocked_by_rule), sum(errors),
    sum(unpriced), sum(unpriced_usage)
FROM facts GROUP BY hour, series;

DROP TABLE daily;
CREATE TABLE daily (
    start INTEGER, series INTEGER,
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
    PRIMARY KEY (start, series)
) STRICT, WITHOUT ROWID;
INSERT INTO daily (
    start, series, requests, cost_nanos, input_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens,
    output_tokens, reasoning_tokens, audio_input_tokens, audio_output_tokens, image_input_tokens, image_output_tokens,
    hit_tokens, cache_hits, cache_misses, saved_by_cache, saved_by_routing, unsaved_hits, unsaved_routed,
    blocked, blocked_by_rule, errors, unpriced, unpriced_usage
)
SELECT
    start / 86400000000 * 86400000000 AS day, series, sum(requests), sum(cost_nanos), sum(input_tokens),
    sum(cache_read_tokens), sum(cache_write_tokens), sum(cache_write_1h_tokens), sum(output_tokens),
    sum(reasoning_tokens), sum(audio_input_tokens), sum(audio_output_tokens), sum(image_input_tokens),
    sum(image_output_tokens), sum(hit_tokens), sum(cache_hits), sum(cache_misses), sum(saved_by_cache),
    sum(saved_by_routing), sum(unsaved_hits), sum(unsaved_routed), sum(blocked), sum(blocked_by_rule), sum(errors),
    sum(unpriced), sum(unpriced_usage)
FROM hourly GROUP BY day, series;

DROP VIEW prompt_facts;
CREATE VIEW prompt_facts AS SELECT
    e.id, e.ts AS start, coalesce(nullif(e.prompt_template_id, ''), e.prompt_hash) AS prompt_id, e.series,
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
ALTER TABLE prompts_daily ADD COLUMN unpriced INTEGER NOT NULL DEFAULT 0;
ALTER TABLE prompts_daily ADD COLUMN unpriced_usage INTEGER NOT NULL DEFAULT 0;
UPDATE prompts_daily SET unpriced = found.count
FROM (
    SELECT start / 86400000000 * 86400000000 AS day, prompt_id, series, count(*) AS count
    FROM prompt_facts WHERE unpriced GROUP BY day, prompt_id, series
) AS found
WHERE found.prompt_id = prompts_daily.prompt_id AND found.series = prompts_daily.series AND found.day = prompts_daily.start;

DROP VIEW gpu_facts;
CREATE VIEW gpu_facts AS SELECT
    e.id, e.ts AS start, coalesce(e.extra ->> 'resource_id', '') AS resource_id,
    coalesce(e.extra ->> 'gpu_type', '') AS gpu_type, e.series,
    coalesce(e.cost_nanos, 0) AS cost_nanos,
    e.cost_nanos IS NULL AS unpriced,
    iif(json_type(e.extra, '$.gpu_utilization_pct') IN ('integer', 'real'), e.extra ->> 'gpu_utilization_pct', null) IS NOT NULL AS measured,
    coalesce(CAST(round(min(max(iif(json_type(e.extra, '$.gpu_utilization_pct') IN ('integer', 'real'), e.extra ->> 'gpu_utilization_pct', null), 0), 100) * 1000000) AS INTEGER), 0) AS millionths
FROM events e WHERE extra IS NOT NULL AND (coalesce(e.extra ->> 'gpu_type', '') != '' OR iif(json_type(e.extra, '$.gpu_utilization_pct') IN ('integer', 'real'), e.extra ->> 'gpu_utilization_pct', null) IS NOT NULL);
ALTER TABLE gpus_daily ADD COLUMN unpriced INTEGER NOT NULL DEFAULT 0;
UPDATE gpus_daily SET unpriced = found.count
FROM (
    SELECT start / 86400000000 * 86400000000 AS day, resource_id, gpu_type, series, count(*) AS count
    FROM gpu_facts WHERE unpriced GROUP BY day, resource_id, gpu_type, series
) AS found
WHERE found.day = gpus_daily.start AND found.resource_id = gpus_daily.resource_id
    AND found.gpu_type = gpus_daily.gpu_type AND found.series = gpus_daily.series;

ALTER TABLE sessions ADD COLUMN unpriced INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN unpriced_usage INTEGER NOT NULL DEFAULT 0;
UPDATE sessions SET unpriced = found.count
FROM (
    SELECT session_id, count(*) AS count FROM events NOT INDEXED
    WHERE cost_nanos IS NULL AND session_id != '' AND extra IS NULL GROUP BY session_id
) AS found
WHERE found.session_id = sessions.session_id;

-- The calls of an anomaly's hour that are not in its amount; null for alerts of other types, and for older ones.
ALTER TABLE alerts ADD COLUMN unpriced INTEGER;
