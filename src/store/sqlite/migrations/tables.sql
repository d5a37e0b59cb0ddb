-- The tables of a new store, but for those of the outbox (4_outbox.sql) and of background work
-- (6_work.sql), the tokens (7_token.sql), the replies (8_reply.sql), the acts (9_act.sql), and the indexes (2_lists.sql, 4_indexes.sql). The prefix keeps them apart from those
-- that a backend has beside them.

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
