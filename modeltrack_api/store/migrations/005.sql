-- Requests that may cost money and cannot be metered have events of their own. No older event is one of them.

ALTER TABLE events ADD COLUMN unmetered INTEGER NOT NULL DEFAULT 0;
