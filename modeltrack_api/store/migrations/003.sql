-- An event without `event_type` is a call to a model: so are all calls that the original ModelTrack logged. Until now such
-- events were filed under '' and counted nowhere. They move to the series of 'llm_api', and into the sums of calls.

INSERT OR IGNORE INTO series
    (event_type, provider, model, team, app_id, feature, customer_tier, routed_from, routed_to, routing_rule, service)
SELECT 'llm_api', provider, model, team, app_id, feature, customer_tier, routed_from, routed_to, routing_rule, service
FROM series WHERE event_type = '';

CREATE TABLE moved (old INTEGER PRIMARY KEY, new INTEGER NOT NULL) STRICT;
INSERT INTO moved
SELECT a.id, b.id
FROM series a JOIN series b
    USING (provider, model, team, app_id, feature, customer_tier, routed_from, routed_to, routing_rule, service)
WHERE a.event_type = '' AND b.event_type = 'llm_api';

-- Calls have no `extra`; by that the views and sessions know them.
UPDATE events SET extra = NULL WHERE series IN (SELECT old FROM moved);

INSERT INTO hourly (
    start, series, requests, cost_nanos, input_tokens, output_tokens, cache_hits, cache_misses,
    saved_by_cache, saved_by_routing, blocked, blocked_by_rule, errors, unpriced
)
SELECT
    start, new, requests, cost_nanos, input_tokens, output_tokens, cache_hits, cache_misses,
    saved_by_cache, saved_by_routing, blocked, blocked_by_rule, errors, unpriced
FROM hourly JOIN moved ON old = series WHERE true
ON CONFLICT DO UPDATE SET
    requests = requests + excluded.requests, cost_nanos = cost_nanos + excluded.cost_nanos,
    input_tokens = input_tokens + excluded.input_tokens, output_tokens = output_tokens + excluded.output_tokens,
    cache_hits = cache_hits + excluded.cache_hits, cache_misses = cache_misses + excluded.cache_misses,
    saved_by_cache = saved_by_cache + excluded.saved_by_cache,
    saved_by_routing = saved_by_routing + excluded.saved_by_routing,
    blocked = blocked + excluded.blocked, blocked_by_rule = blocked_by_rule + excluded.blocked_by_rule,
    errors = errors + excluded.errors, unpriced = unpriced + excluded.unpriced;
DELETE FROM hourly WHERE series IN (SELECT old FROM moved);

INSERT INTO daily (
    start, series, requests, cost_nanos, input_tokens, output_tokens, cache_hits, cache_misses,
    saved_by_cache, saved_by_routing, blocked, blocked_by_rule, errors, unpriced
)
SELECT
    start, new, requests, cost_nanos, input_tokens, output_tokens, cache_hits, cache_misses,
    saved_by_cache, saved_by_routing, blocked, blocked_by_rule, errors, unpriced
FROM daily JOIN moved ON old = series WHERE true
ON CONFLICT DO UPDATE SET
    requests = requests + excluded.requests, cost_nanos = cost_nanos + excluded.cost_nanos,
    input_tokens = input_tokens + excluded.input_tokens, output_tokens = output_tokens + excluded.output_tokens,
    cache_hits = cache_hits + excluded.cache_hits, cache_misses = cache_misses + excluded.cache_misses,
    saved_by_cache = saved_by_cache + excluded.saved_by_cache,
    saved_by_routing = saved_by_routing + excluded.saved_by_routing,
    blocked = blocked + excluded.blocked, blocked_by_rule = blocked_by_rule + excluded.blocked_by_rule,
    errors = errors + excluded.errors, unpriced = unpriced + excluded.unpriced;
DELETE FROM daily WHERE series IN (SELECT old FROM moved);

INSERT INTO prompts_daily (
    start, prompt_id, series, requests, cost_nanos, system_tokens, user_tokens, output_tokens,
    paid, paid_input_tokens, paid_cached_tokens, paid_output_tokens
)
SELECT
    start / 86400000000 * 86400000000 AS day, prompt_id, new, sum(requests), sum(cost_nanos), sum(system_tokens),
    sum(user_tokens), sum(output_tokens), sum(paid), sum(paid_input_tokens), sum(paid_cached_tokens),
    sum(paid_output_tokens)
FROM prompt_facts JOIN moved ON old = series WHERE true GROUP BY day, prompt_id, new
ON CONFLICT DO UPDATE SET
    requests = requests + excluded.requests, cost_nanos = cost_nanos + excluded.cost_nanos,
    system_tokens = system_tokens + excluded.system_tokens, user_tokens = user_tokens + excluded.user_tokens,
    output_tokens = output_tokens + excluded.output_tokens, paid = paid + excluded.paid,
    paid_input_tokens = paid_input_tokens + excluded.paid_input_tokens,
    paid_cached_tokens = paid_cached_tokens + excluded.paid_cached_tokens,
    paid_output_tokens = paid_output_tokens + excluded.paid_output_tokens;

DELETE FROM gpus_daily WHERE series IN (SELECT old FROM moved);

INSERT INTO sessions (session_id, first_seen, last_seen, requests, cost_nanos)
SELECT session_id, min(ts), max(ts), count(*), sum(coalesce(cost_nanos, 0))
FROM events JOIN moved ON old = series WHERE session_id != '' GROUP BY session_id
ON CONFLICT DO UPDATE SET
    first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen),
    requests = requests + excluded.requests, cost_nanos = cost_nanos + excluded.cost_nanos;
INSERT OR IGNORE INTO session_series (session_id, series)
SELECT DISTINCT session_id, new FROM events JOIN moved ON old = series WHERE session_id != '';

UPDATE events SET series = (SELECT new FROM moved WHERE old = series) WHERE series IN (SELECT old FROM moved);
DELETE FROM series WHERE id IN (SELECT old FROM moved);
DROP TABLE moved;
