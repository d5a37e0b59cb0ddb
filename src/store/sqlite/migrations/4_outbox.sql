-- What the delivery of events adds: webhooks, deliveries and attempts.
-- Times are milliseconds since 1970.

CREATE TABLE webhook (
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

CREATE INDEX webhook_institution ON webhook (institution);

-- One event on its way to one webhook. A number is never given out again: somebody may still hold a lease
-- on what is gone.
CREATE TABLE delivery (
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

-- What goes to one webhook about one application, in order.
CREATE UNIQUE INDEX delivery_lane ON delivery (application, webhook, event);
-- What is to be claimed for one webhook, what is due at which time, what was delivered when, and the rest. They are
-- gone through from one webhook to the next, so that one for which there is nothing in such a state costs nothing. For a
-- list of three states, SQLite would build a table in each statement that writes.
CREATE INDEX delivery_new ON delivery (webhook) WHERE state = 0;
CREATE INDEX delivery_later ON delivery (webhook, at) WHERE state = 1;
CREATE INDEX delivery_delivered ON delivery (webhook, at) WHERE state = 2;
CREATE INDEX delivery_dead ON delivery (webhook, state) WHERE state NOT BETWEEN 0 AND 2;

CREATE TABLE attempt (
    no INTEGER PRIMARY KEY,
    delivery INTEGER NOT NULL,
    at INTEGER NOT NULL,
    milliseconds INTEGER NOT NULL,
    status INTEGER,
    error TEXT,
    excerpt TEXT
) STRICT;

CREATE INDEX attempt_delivery ON attempt (delivery);
CREATE INDEX attempt_at ON attempt (at);
