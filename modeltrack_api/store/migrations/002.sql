-- What people and schedules put in: it cannot be made again from the log. AUTOINCREMENT: no number is used twice.
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

CREATE TABLE alert_budgets (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    team TEXT NOT NULL, app_id TEXT NOT NULL, -- "": any
    daily_nanos INTEGER, monthly_nanos INTEGER,
    created_at INTEGER NOT NULL
) STRICT;

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
CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_at IS NULL AND failed_at IS NULL;
