-- The tables of a new store, of version 5. The prefix keeps them apart from those that a backend has beside them.

-- One row: which version the tables have.
CREATE TABLE certlife_schema (
    version INTEGER NOT NULL
) STRICT;

-- Applications and their events.
-- Statuses, kinds and the like are numbers: their place in the crate's enumerations, from 0.

CREATE TABLE certlife_institution (
    no INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE
) STRICT;

-- What never changes; numbered in the order of creation.
CREATE TABLE certlife_application (
    no INTEGER PRIMARY KEY,
    uuid BLOB NOT NULL UNIQUE,
    application_id INTEGER NOT NULL,
    certificate_title TEXT NOT NULL,
    applicant_email TEXT NOT NULL
) STRICT;

-- All that a transition updates: as narrow as can be. It repeats what the last event says, so that lists
-- and counts read no events.
CREATE TABLE certlife_head (
    application INTEGER PRIMARY KEY,
    institution INTEGER NOT NULL,
    trigger_context INTEGER NOT NULL,
    status INTEGER NOT NULL,
    version INTEGER NOT NULL,
    updated_at INTEGER NOT NULL, -- seconds since 1970
    event INTEGER NOT NULL       -- the last one
) STRICT;

-- Appended only, so the number is the order of commits: SQLite has one writer at a time. An
-- application's events are chained backwards instead of indexed.
CREATE TABLE certlife_event (
    seq INTEGER PRIMARY KEY,
    application INTEGER NOT NULL,
    version INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    at INTEGER NOT NULL,         -- seconds since 1970
    previous INTEGER,            -- the application's event before
    actor_kind INTEGER NOT NULL,
    actor TEXT NOT NULL,
    text TEXT,                   -- the rejection reason or the error
    idempotency_key TEXT
) STRICT;

-- A key whose command was refused remembers why, as JSON. Its event is then 0, which none has.
CREATE TABLE certlife_idempotency (
    key TEXT NOT NULL,
    institution INTEGER NOT NULL,
    event INTEGER NOT NULL,
    refused TEXT,
    PRIMARY KEY (key, institution)
) STRICT, WITHOUT ROWID;

-- On what never changes, so that a transition pays nothing for them.
CREATE INDEX certlife_head_institution ON certlife_head (institution);
CREATE INDEX certlife_application_email ON certlife_application (applicant_email);

-- The delivery of events: webhooks, deliveries and attempts. Times are milliseconds since 1970.

CREATE TABLE certlife_webhook (
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

CREATE INDEX certlife_webhook_institution ON certlife_webhook (institution);

-- One event on its way to one webhook. A number is never given out again: somebody may still hold a lease
-- on what is gone.
CREATE TABLE certlife_delivery (
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
CREATE UNIQUE INDEX certlife_delivery_lane ON certlife_delivery (application, webhook, event);
-- What is to be claimed for one webhook, what is due at which time, what was delivered when, and the rest. They are
-- gone through from one webhook to the next, so that one for which there is nothing in such a state costs nothing. For a
-- list of three states, SQLite would build a table in each statement that writes.
CREATE INDEX certlife_delivery_new ON certlife_delivery (webhook) WHERE state = 0;
CREATE INDEX certlife_delivery_later ON certlife_delivery (webhook, at) WHERE state = 1;
CREATE INDEX certlife_delivery_delivered ON certlife_delivery (webhook, at) WHERE state = 2;
CREATE INDEX certlife_delivery_dead ON certlife_delivery (webhook, state) WHERE state NOT BETWEEN 0 AND 2;

CREATE TABLE certlife_attempt (
    no INTEGER PRIMARY KEY,
    delivery INTEGER NOT NULL,
    at INTEGER NOT NULL,
    milliseconds INTEGER NOT NULL,
    status INTEGER,
    error TEXT,
    excerpt TEXT
) STRICT;

CREATE INDEX certlife_attempt_delivery ON certlife_attempt (delivery);
CREATE INDEX certlife_attempt_at ON certlife_attempt (at);
