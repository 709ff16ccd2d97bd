-- A database as the program at commit 4e2178a made it (PRAGMA user_version = 2): it read cost_events.jsonl beside this file,
-- then some alerts, schedules and messages were added. Written by sqlite3's `iterdump`; never changed.
BEGIN TRANSACTION;
CREATE TABLE alert_budgets (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    team TEXT NOT NULL, app_id TEXT NOT NULL, -- "": any
    daily_nanos INTEGER, monthly_nanos INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
INSERT INTO "alert_budgets" VALUES(1,'product','chatbot',5000000000,NULL,1772323200000000);
CREATE TABLE alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    once TEXT NOT NULL UNIQUE, -- what it is about: of that there is never a second alert
    type TEXT NOT NULL,
    team TEXT NOT NULL, app_id TEXT NOT NULL,
    hour INTEGER, hourly_nanos INTEGER, avg_nanos INTEGER, -- of an anomaly
    message TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    dismissed_at INTEGER
) STRICT;
INSERT INTO "alerts" VALUES(2,'budget:product::80:2026-03','budget_warning','product','',NULL,NULL,NULL,'Team ''product'' is at 80% of its budget',1772409600000000,NULL);
INSERT INTO "alerts" VALUES(3,'anomaly:ml-research:1772452800000000','spend_anomaly','ml-research','',1772452800000000,3000000,1000000,'Spend is three times the usual',1772456400000000,1772460000000000);
CREATE TABLE daily (
    start INTEGER, series INTEGER, requests INTEGER NOT NULL, cost_nanos INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cache_hits INTEGER NOT NULL, cache_misses INTEGER NOT NULL, saved_by_cache INTEGER NOT NULL, saved_by_routing INTEGER NOT NULL, blocked INTEGER NOT NULL, blocked_by_rule INTEGER NOT NULL, errors INTEGER NOT NULL, unpriced INTEGER NOT NULL, PRIMARY KEY (start, series)
) STRICT, WITHOUT ROWID;
INSERT INTO "daily" VALUES(1772323200000000,1,2,1230000,2000,92,1,1,1230000,0,0,0,0,0);
INSERT INTO "daily" VALUES(1772323200000000,2,3,523457,400,25,1,2,0,0,0,0,0,0);
INSERT INTO "daily" VALUES(1772409600000000,3,1,20000000,4100,533,0,0,0,0,0,0,0,0);
INSERT INTO "daily" VALUES(1772409600000000,4,1,20000000,4000,533,0,0,0,0,0,0,0,0);
INSERT INTO "daily" VALUES(1772409600000000,5,1,3000000,9000,2750,0,1,0,40000000,0,0,0,0);
INSERT INTO "daily" VALUES(1772409600000000,6,1,450,3,0,0,1,0,0,0,0,0,0);
INSERT INTO "daily" VALUES(1772409600000000,7,1,0,0,0,0,0,0,0,1,0,0,0);
INSERT INTO "daily" VALUES(1772409600000000,8,1,0,10,10,0,1,0,0,0,0,0,1);
INSERT INTO "daily" VALUES(1772409600000000,9,2,6300000,6000,3000,0,2,0,0,0,0,0,0);
INSERT INTO "daily" VALUES(1772409600000000,10,1,0,0,0,0,1,0,0,0,0,1,0);
INSERT INTO "daily" VALUES(1772409600000000,11,1,12500000000,0,0,0,1,0,0,0,0,0,0);
INSERT INTO "daily" VALUES(1772409600000000,12,1,3250000000,0,0,0,1,0,0,0,0,0,0);
INSERT INTO "daily" VALUES(1772409600000000,13,1,500000000,0,0,0,1,0,0,0,0,0,0);
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
INSERT INTO "events" VALUES(1,X'00000000000040008000000000000001',1772356200000000,1,1230000,NULL,1000,46,0,0,40,0,0,0,NULL,200,200,30,'s1','t1','','','aabbccdd','',NULL);
INSERT INTO "events" VALUES(2,X'00000000000040008000000000000002',1772356800500000,2,400000,NULL,300,20,0,0,80,0,0,0,NULL,200,200,10,'s1','t1','','','aabbccdd','','{}');
INSERT INTO "events" VALUES(3,X'00000000000040008000000000000003',1772359199123456,2,123457,NULL,100,5,0,0,120,0,0,0,NULL,200,200,9,'s2','','','','aabbccdd','','{}');
INSERT INTO "events" VALUES(4,X'00000000000040008000000000000004',1772361000000000,1,0,1230000,1000,46,0,0,160,0,1,0,NULL,200,200,30,'','','','','aabbccdd','',NULL);
INSERT INTO "events" VALUES(5,X'00000000000040008000000000000005',1772361060250000,2,0,NULL,0,0,0,0,200,0,1,0,NULL,200,200,30,'','','','','aabbccdd','','{}');
INSERT INTO "events" VALUES(6,X'00000000000040008000000000000006',1772494200000000,3,20000000,NULL,4000,533,100,0,240,1,0,0,300,200,NULL,NULL,'','','','','','',NULL);
INSERT INTO "events" VALUES(7,X'00000000000040008000000000000007',1772494200100000,4,20000000,NULL,4000,533,0,0,280,1,0,0,NULL,200,NULL,NULL,'s3','','','','01020304','greet-v1','{}');
INSERT INTO "events" VALUES(8,X'00000000000040008000000000000008',1772452800000000,5,3000000,40000000,9000,2750,0,0,320,0,0,0,NULL,200,NULL,NULL,'','','','','','',NULL);
INSERT INTO "events" VALUES(9,X'00000000000040008000000000000009',1772452801000000,6,450,NULL,3,0,0,0,360,0,0,0,NULL,200,NULL,NULL,'','','','','','','{}');
INSERT INTO "events" VALUES(10,X'0000000000004000800000000000000A',1772453100000000,7,0,NULL,0,0,0,0,400,0,0,0,NULL,429,NULL,NULL,'','','budget','budget_exceeded','','',NULL);
INSERT INTO "events" VALUES(11,X'0000000000004000800000000000000B',1772453160000000,8,NULL,NULL,10,10,0,0,440,0,0,1,NULL,200,NULL,NULL,'','','','','','',NULL);
INSERT INTO "events" VALUES(12,X'0000000000004000800000000000000C',1772453220000000,9,2100000,NULL,2000,1000,0,0,480,0,0,0,NULL,200,90,NULL,'','','','','','triage-v2','{}');
INSERT INTO "events" VALUES(13,X'0000000000004000800000000000000D',1772453280000000,9,4200000,NULL,4000,2000,0,0,520,0,0,0,NULL,200,90,NULL,'','','','','','triage-v2','{}');
INSERT INTO "events" VALUES(14,X'0000000000004000800000000000000E',1772453340000000,10,0,NULL,0,0,0,0,560,0,0,0,NULL,500,NULL,NULL,'','','','server_error','','','{}');
INSERT INTO "events" VALUES(15,X'0000000000004000800000000000000F',1772409600000000,11,12500000000,NULL,0,0,0,0,600,0,0,0,NULL,200,NULL,NULL,'','','','','','','{"resource_id":"node-1","gpu_type":"A100","gpu_count":2,"gpu_utilization_pct":63.5,"namespace":"ml"}');
INSERT INTO "events" VALUES(16,X'00000000000040008000000000000010',1772413200000000,12,3250000000,NULL,0,0,0,0,640,0,0,0,NULL,200,NULL,NULL,'','','','','','','{"resource_id":"i-1","region":"us-east-1"}');
INSERT INTO "events" VALUES(17,X'00000000000040008000000000000011',1772416800000000,13,500000000,NULL,0,0,0,0,680,0,0,0,NULL,200,NULL,NULL,'','','','','','','{"resource_id":"node-1","gpu_type":"A100"}');
CREATE TABLE gpus_daily (
    start INTEGER, resource_id TEXT, gpu_type TEXT, series INTEGER, cost_nanos INTEGER NOT NULL, measured INTEGER NOT NULL, millionths INTEGER NOT NULL,
    PRIMARY KEY (start, resource_id, gpu_type, series)
) STRICT, WITHOUT ROWID;
INSERT INTO "gpus_daily" VALUES(1772409600000000,'node-1','A100',11,12500000000,1,63500000);
INSERT INTO "gpus_daily" VALUES(1772409600000000,'node-1','A100',13,500000000,0,0);
CREATE TABLE hourly (
    start INTEGER, series INTEGER, requests INTEGER NOT NULL, cost_nanos INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cache_hits INTEGER NOT NULL, cache_misses INTEGER NOT NULL, saved_by_cache INTEGER NOT NULL, saved_by_routing INTEGER NOT NULL, blocked INTEGER NOT NULL, blocked_by_rule INTEGER NOT NULL, errors INTEGER NOT NULL, unpriced INTEGER NOT NULL, PRIMARY KEY (start, series)
) STRICT, WITHOUT ROWID;
INSERT INTO "hourly" VALUES(1772355600000000,1,1,1230000,1000,46,0,1,0,0,0,0,0,0);
INSERT INTO "hourly" VALUES(1772355600000000,2,2,523457,400,25,0,2,0,0,0,0,0,0);
INSERT INTO "hourly" VALUES(1772359200000000,1,1,0,1000,46,1,0,1230000,0,0,0,0,0);
INSERT INTO "hourly" VALUES(1772359200000000,2,1,0,0,0,1,0,0,0,0,0,0,0);
INSERT INTO "hourly" VALUES(1772409600000000,11,1,12500000000,0,0,0,1,0,0,0,0,0,0);
INSERT INTO "hourly" VALUES(1772413200000000,12,1,3250000000,0,0,0,1,0,0,0,0,0,0);
INSERT INTO "hourly" VALUES(1772416800000000,13,1,500000000,0,0,0,1,0,0,0,0,0,0);
INSERT INTO "hourly" VALUES(1772452800000000,5,1,3000000,9000,2750,0,1,0,40000000,0,0,0,0);
INSERT INTO "hourly" VALUES(1772452800000000,6,1,450,3,0,0,1,0,0,0,0,0,0);
INSERT INTO "hourly" VALUES(1772452800000000,7,1,0,0,0,0,0,0,0,1,0,0,0);
INSERT INTO "hourly" VALUES(1772452800000000,8,1,0,10,10,0,1,0,0,0,0,0,1);
INSERT INTO "hourly" VALUES(1772452800000000,9,2,6300000,6000,3000,0,2,0,0,0,0,0,0);
INSERT INTO "hourly" VALUES(1772452800000000,10,1,0,0,0,0,1,0,0,0,0,1,0);
INSERT INTO "hourly" VALUES(1772492400000000,3,1,20000000,4100,533,0,0,0,0,0,0,0,0);
INSERT INTO "hourly" VALUES(1772492400000000,4,1,20000000,4000,533,0,0,0,0,0,0,0,0);
CREATE TABLE log_files (
    device INTEGER, inode INTEGER,
    head BLOB NOT NULL,      -- the file's first bytes, since inodes are used again
    offset INTEGER NOT NULL, -- up to which it has been read
    PRIMARY KEY (device, inode)
) STRICT, WITHOUT ROWID;
INSERT INTO "log_files" VALUES(1,2,X'7B226576656E745F6964223A2230303030303030302D303030302D343030302D383030302D303030303030303030303031222C2274696D657374616D70223A22323032362D30332D30315430393A31303A30302E3030303030305A222C226576656E745F74797065223A226C6C6D5F617069222C2270726F7669646572223A22',7214);
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    once TEXT NOT NULL UNIQUE,
    alert_id INTEGER UNIQUE, schedule_id INTEGER,
    payload TEXT,           -- JSON; null once it was sent
    created_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL,
    sent_at INTEGER,
    failed_at INTEGER, error TEXT -- refused for good, and why
) STRICT;
INSERT INTO "outbox" VALUES(5,'alert:2',2,NULL,'{"text":"80% of its budget"}',1772409600000000,3,1772410000000000,NULL,NULL,NULL);
INSERT INTO "outbox" VALUES(6,'alert:3',3,NULL,NULL,1772456400000000,1,1772456400000000,1772456401000000,NULL,NULL);
CREATE TABLE prompts_daily (
    start INTEGER, prompt_id TEXT, series INTEGER, requests INTEGER NOT NULL, cost_nanos INTEGER NOT NULL, system_tokens INTEGER NOT NULL, user_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, paid INTEGER NOT NULL, paid_input_tokens INTEGER NOT NULL, paid_cached_tokens INTEGER NOT NULL, paid_output_tokens INTEGER NOT NULL, PRIMARY KEY (prompt_id, series, start)
) STRICT, WITHOUT ROWID;
INSERT INTO "prompts_daily" VALUES(1772323200000000,'aabbccdd',1,2,1230000,400,60,92,1,1000,0,46);
CREATE TABLE report_schedules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    built_in TEXT UNIQUE, -- the name of one that ModelTrack comes with
    name TEXT NOT NULL, period TEXT NOT NULL, frequency TEXT NOT NULL,
    day_of_week INTEGER, day_of_month INTEGER, hour INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_sent_at INTEGER,
    next_at INTEGER NOT NULL
) STRICT;
INSERT INTO "report_schedules" VALUES(1,'daily','Daily summary','daily','daily',NULL,NULL,8,1,1772323200000000,1772438400000000,1772524800000000);
INSERT INTO "report_schedules" VALUES(4,NULL,'Mondays','weekly','weekly',1,NULL,9,0,1772323200000000,NULL,1773046800000000);
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    event_type TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL, team TEXT NOT NULL, app_id TEXT NOT NULL, feature TEXT NOT NULL, customer_tier TEXT NOT NULL, routed_from TEXT NOT NULL, routed_to TEXT NOT NULL, routing_rule TEXT NOT NULL, service TEXT NOT NULL,
    UNIQUE (event_type, provider, model, team, app_id, feature, customer_tier, routed_from, routed_to, routing_rule, service)
) STRICT;
INSERT INTO "series" VALUES(1,'llm_api','anthropic','claude-haiku-4-5','product','chatbot','chat','','','','','');
INSERT INTO "series" VALUES(2,'','anthropic','claude-haiku-4-5','product','chatbot','chat','','','','','');
INSERT INTO "series" VALUES(3,'llm_api','anthropic','claude-sonnet-4-6','product','chatbot','chat','','','','','');
INSERT INTO "series" VALUES(4,'','anthropic','claude-sonnet-4-6','product','chatbot','chat','','','','','');
INSERT INTO "series" VALUES(5,'llm_api','openai','gpt-4o-mini','ml-research','evals','','','gpt-4o','gpt-4o-mini','budget-downgrade','');
INSERT INTO "series" VALUES(6,'','openai','gpt-4o-mini','ml-research','evals','','','gpt-4o','gpt-4o-mini','budget-downgrade','');
INSERT INTO "series" VALUES(7,'llm_api','openai','gpt-4o','ml-research','evals','','','','','','');
INSERT INTO "series" VALUES(8,'llm_api','azure','my-deployment','ml-research','','','','','','','');
INSERT INTO "series" VALUES(9,'','bedrock','anthropic.claude-3-haiku','support','','','pro','','','','');
INSERT INTO "series" VALUES(10,'','openai','gpt-4o','','','','','','','','');
INSERT INTO "series" VALUES(11,'gpu_compute','kubernetes','','ml-research','','','','','','','gpu');
INSERT INTO "series" VALUES(12,'aws_infrastructure','aws','','ml-research','','','','','','','AmazonEC2');
INSERT INTO "series" VALUES(13,'','kubernetes','','ml-research','','','','','','','gpu');
CREATE TABLE session_series (session_id TEXT, series INTEGER, PRIMARY KEY (session_id, series)) STRICT, WITHOUT ROWID;
INSERT INTO "session_series" VALUES('s1',1);
CREATE TABLE sessions (
    session_id TEXT PRIMARY KEY,
    first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
    requests INTEGER NOT NULL, cost_nanos INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "sessions" VALUES('s1',1772356200000000,1772356200000000,1,1230000);
CREATE INDEX events_by_time ON events (ts);
CREATE INDEX events_by_series ON events (series, ts);
CREATE INDEX events_by_session ON events (session_id, ts) WHERE session_id != '';
CREATE INDEX events_by_trace ON events (trace_id, session_id) WHERE trace_id != '';
CREATE VIEW facts AS SELECT e.id, e.ts AS start, e.series, 1 AS requests, coalesce(e.cost_nanos, 0) AS cost_nanos, e.input_tokens + e.cache_read_tokens + e.cache_write_tokens AS input_tokens, e.output_tokens AS output_tokens, e.cache_hit AS cache_hits, e.cache_hit = 0 and e.is_streaming = 0 and e.blocked_by = '' AS cache_misses, iif(e.cache_hit, coalesce(e.saved_nanos, 0), 0) AS saved_by_cache, iif(e.cache_hit, 0, coalesce(e.saved_nanos, 0)) AS saved_by_routing, e.blocked_by != '' AS blocked, e.blocked_by = 'rule' AS blocked_by_rule, e.error != '' and e.blocked_by = '' AS errors, e.cost_nanos is null AS unpriced FROM events e;
CREATE VIEW prompt_facts AS
    SELECT e.id, e.ts AS start, coalesce(nullif(e.prompt_template_id, ''), e.prompt_hash) AS prompt_id, e.series, 1 AS requests, coalesce(e.cost_nanos, 0) AS cost_nanos, coalesce(e.system_prompt_tokens, 0) AS system_tokens, coalesce(e.user_prompt_tokens, 0) AS user_tokens, e.output_tokens AS output_tokens, coalesce(e.cost_nanos > 0, 0) AS paid, iif(e.cost_nanos > 0, e.input_tokens + e.cache_read_tokens + e.cache_write_tokens, 0) AS paid_input_tokens, iif(e.cost_nanos > 0, e.cache_read_tokens + e.cache_write_tokens, 0) AS paid_cached_tokens, iif(e.cost_nanos > 0, e.output_tokens, 0) AS paid_output_tokens
    FROM events e WHERE extra IS NULL AND coalesce(nullif(e.prompt_template_id, ''), e.prompt_hash) != '';
CREATE VIEW gpu_facts AS
    SELECT e.id, e.ts AS start, coalesce(e.extra ->> 'resource_id', '') AS resource_id,
           coalesce(e.extra ->> 'gpu_type', '') AS gpu_type, e.series, coalesce(e.cost_nanos, 0) AS cost_nanos, iif(json_type(e.extra, '$.gpu_utilization_pct') IN ('integer', 'real'), e.extra ->> 'gpu_utilization_pct', null) IS NOT NULL AS measured, coalesce(CAST(round(min(max(iif(json_type(e.extra, '$.gpu_utilization_pct') IN ('integer', 'real'), e.extra ->> 'gpu_utilization_pct', null), 0), 100) * 1000000) AS INTEGER), 0) AS millionths
    FROM events e WHERE extra IS NOT NULL AND (coalesce(e.extra ->> 'gpu_type', '') != '' OR iif(json_type(e.extra, '$.gpu_utilization_pct') IN ('integer', 'real'), e.extra ->> 'gpu_utilization_pct', null) IS NOT NULL);
CREATE INDEX events_with_extra ON events (ts) WHERE extra IS NOT NULL;
CREATE INDEX sessions_by_time ON sessions (last_seen);
CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_at IS NULL AND failed_at IS NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('alerts',3);
INSERT INTO "sqlite_sequence" VALUES('alert_budgets',1);
INSERT INTO "sqlite_sequence" VALUES('report_schedules',4);
INSERT INTO "sqlite_sequence" VALUES('outbox',6);
COMMIT;
PRAGMA user_version = 2;
