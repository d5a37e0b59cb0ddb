-- What the delivery of events adds ({prefix}: see schema.rs): webhooks, deliveries and attempts.
-- Times are milliseconds since 1970.

CREATE TABLE {prefix}webhook (
    no INTEGER PRIMARY KEY,
    id BLOB UNIQUE,              -- none, while a removed one is cleared away
    institution INTEGER NOT NULL,
    kinds INTEGER NOT NULL,      -- bit n: the kind n of events; it repeats the settings
    enabled INTEGER NOT NULL,    -- 0 or 1; it repeats the settings
    settings TEXT NOT NULL,      -- JSON
    created_at INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    failing_since INTEGER,
    not_before INTEGER
) STRICT;

-- One event on its way to one webhook. A number is never given out again: a dispatcher may still hold a lease
-- on what is gone.
CREATE TABLE {prefix}delivery (
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook INTEGER NOT NULL,
    application INTEGER NOT NULL,
    event INTEGER NOT NULL,
    state INTEGER NOT NULL,      -- 0 never looked at, 1 due at its time, 2 delivered, 3 dead
    attempts INTEGER NOT NULL,
    at INTEGER NOT NULL,         -- in state 0 always 0
    created_at INTEGER NOT NULL,
    token INTEGER NOT NULL,      -- raised by every claim, then odd, and by what ends the lease, then even
    reason TEXT
) STRICT;

CREATE TABLE {prefix}attempt (
    no INTEGER PRIMARY KEY,
    delivery INTEGER NOT NULL,
    at INTEGER NOT NULL,
    milliseconds INTEGER NOT NULL,
    status INTEGER,
    error TEXT,
    excerpt TEXT
) STRICT;
