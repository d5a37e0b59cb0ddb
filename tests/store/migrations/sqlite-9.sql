-- A database as version 9 of the schema left it: one of every kind of application, every command with a
-- key, a webhook, a delivery in every state, claims on what is in progress, a token, a reply, and an act. Never changed: it stands for the databases that are out there.

-- One row: which version the tables have.
CREATE TABLE certlife_schema (
    version INTEGER NOT NULL
) STRICT;
INSERT INTO certlife_schema VALUES (9);

-- What every store keeps: applications and their events.
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

CREATE TABLE certlife_idempotency (
    key TEXT NOT NULL,
    institution INTEGER NOT NULL,
    event INTEGER NOT NULL,
    PRIMARY KEY (key, institution)
) STRICT, WITHOUT ROWID;

-- What lists add: indexes on what never changes, so that a transition pays nothing for them.

CREATE INDEX certlife_head_institution ON certlife_head (institution);
CREATE INDEX certlife_application_email ON certlife_application (applicant_email);

-- A key remembers that its command was refused: why, as JSON. Its event is then 0, which none has.

ALTER TABLE certlife_idempotency ADD COLUMN refused TEXT;

-- What the delivery of events adds: webhooks, deliveries and attempts.
-- Times are milliseconds since 1970.

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

-- What background work adds: who has a claim on which application in progress.

-- Applications that were found in progress, each at its event `event`. When it has moved on, the row means
-- nothing more; the claim that meets it deletes it.
CREATE TABLE certlife_work (
    application INTEGER PRIMARY KEY,
    institution INTEGER NOT NULL,
    event INTEGER NOT NULL,      -- since which it is in progress
    version INTEGER NOT NULL,
    since INTEGER NOT NULL,      -- the time of the event, in seconds since 1970
    state INTEGER NOT NULL,      -- 0 never claimed, 1 due at its time
    at INTEGER NOT NULL,         -- milliseconds since 1970: due again, or the end of the lease; in state 0 always 0
    -- Begins with the version in its upper half, so that it is larger than those of earlier versions. Raised by
    -- every claim, then odd, and by what ends the lease, then even.
    token INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    reason TEXT                  -- why it is tried again
) STRICT;

-- What is new and what is due at which time, from one institution to the next.
CREATE INDEX certlife_work_new ON certlife_work (institution, event) WHERE state = 0;
CREATE INDEX certlife_work_later ON certlife_work (institution, at) WHERE state = 1;

-- One row: the event up to which it was looked at what is in progress.
CREATE TABLE certlife_work_seen (
    event INTEGER NOT NULL
) STRICT;
INSERT INTO certlife_work_seen VALUES (23);

-- What the HTTP API adds: its tokens. Times are milliseconds since 1970.

-- A number is never given out again, so that no page of a list skips a token.
CREATE TABLE certlife_token (
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,     -- 16 hexadecimal digits
    name TEXT NOT NULL,
    institution TEXT,            -- none: it is good for all of them
    actor_kind INTEGER NOT NULL,
    actor TEXT NOT NULL,
    scopes TEXT NOT NULL,        -- their names, separated by commas
    secret_hash BLOB NOT NULL,   -- SHA-256
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER
) STRICT;
CREATE INDEX certlife_token_institution ON certlife_token (institution);

-- What the HTTP API adds: replies under the idempotency keys of requests that make no event. Times are
-- milliseconds since 1970.

-- A number is never given out again, so that who has begun once ends nothing that another has begun.
CREATE TABLE certlife_reply (
    owner INTEGER PRIMARY KEY AUTOINCREMENT,
    institution TEXT NOT NULL,
    key TEXT NOT NULL,
    request BLOB NOT NULL,       -- a digest
    begun_at INTEGER NOT NULL,
    status INTEGER,              -- none, and neither of the others, as long as it is carried out
    headers TEXT,                -- JSON: names and values
    body BLOB,                   -- may have the secret of a webhook
    UNIQUE (institution, key)
) STRICT;

-- Who did what to webhooks, deliveries and tokens. Times are milliseconds since 1970.

-- A number is never given out again, so that no outcome is that of another act.
CREATE TABLE certlife_act (
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    institution TEXT,            -- none: it is about all of them
    at INTEGER NOT NULL,
    actor_kind INTEGER NOT NULL,
    actor TEXT NOT NULL,
    kind TEXT NOT NULL,          -- its word, such as token.created
    subject TEXT NOT NULL,       -- the id of a webhook, a delivery or a token, or empty
    detail TEXT NOT NULL,
    outcome INTEGER,             -- 0: done, 1: refused; none: broken off, or being done
    reason TEXT                  -- why it was refused
) STRICT;
CREATE INDEX certlife_act_institution ON certlife_act (institution);
CREATE INDEX certlife_act_at ON certlife_act (at);


INSERT INTO certlife_institution VALUES (1, 'our-university');
INSERT INTO certlife_application VALUES
    (1, X'9E7860F005D14FD0B3E0000000000000', 1, 'Certificate no. 0', 'applicant-0@example.com'),
    (2, X'9E7860F005D14FD0B3E0000000000001', 2, 'Certificate no. 1', 'applicant-1@example.com'),
    (3, X'9E7860F005D14FD0B3E0000000000002', 3, 'Certificate no. 2', 'applicant-2@example.com'),
    (4, X'9E7860F005D14FD0B3E0000000000003', 4, 'Certificate no. 3', 'applicant-0@example.com'),
    (5, X'9E7860F005D14FD0B3E0000000000004', 5, 'Certificate no. 4', 'applicant-1@example.com'),
    (6, X'9E7860F005D14FD0B3E0000000000005', 6, 'Certificate no. 5', 'applicant-2@example.com'),
    (7, X'9E7860F005D14FD0B3E0000000000006', 7, 'Certificate no. 6', 'applicant-0@example.com'),
    (8, X'9E7860F005D14FD0B3E0000000000007', 8, 'Certificate no. 7', 'applicant-1@example.com'),
    (9, X'9E7860F005D14FD0B3E0000000000008', 9, 'Certificate no. 8', 'applicant-2@example.com'),
    (10, X'9E7860F005D14FD0B3E0000000000009', 10, 'Certificate no. 9', 'applicant-0@example.com');
INSERT INTO certlife_head VALUES
    (1, 1, 0, 0, 1, 1780569000, 1),
    (2, 1, 2, 0, 1, 1780569000, 2),
    (3, 1, 2, 1, 2, 1780569000, 4),
    (4, 1, 0, 2, 2, 1780569000, 6),
    (5, 1, 2, 2, 3, 1780569000, 9),
    (6, 1, 2, 3, 2, 1780569000, 11),
    (7, 1, 0, 4, 2, 1780569000, 13),
    (8, 1, 2, 4, 3, 1780569000, 16),
    (9, 1, 0, 5, 3, 1780569000, 19),
    (10, 1, 2, 5, 4, 1780569000, 23);
INSERT INTO certlife_event VALUES
    (1, 1, 1, 0, 1780569000, NULL, 1, 'jane', NULL, '0-1'),
    (2, 2, 1, 0, 1780569000, NULL, 0, 'john', NULL, '1-1'),
    (3, 3, 1, 0, 1780569000, NULL, 0, 'john', NULL, '2-1'),
    (4, 3, 2, 1, 1780569000, 3, 1, 'jane', NULL, '2-2'),
    (5, 4, 1, 0, 1780569000, NULL, 1, 'jane', NULL, '3-1'),
    (6, 4, 2, 2, 1780569000, 5, 2, 'worker-1', NULL, '3-2'),
    (7, 5, 1, 0, 1780569000, NULL, 0, 'john', NULL, '4-1'),
    (8, 5, 2, 1, 1780569000, 7, 1, 'jane', NULL, '4-2'),
    (9, 5, 3, 2, 1780569000, 8, 2, 'worker-1', NULL, '4-3'),
    (10, 6, 1, 0, 1780569000, NULL, 0, 'john', NULL, '5-1'),
    (11, 6, 2, 3, 1780569000, 10, 1, 'jane', 'Duplicate certificate', '5-2'),
    (12, 7, 1, 0, 1780569000, NULL, 1, 'jane', NULL, '6-1'),
    (13, 7, 2, 4, 1780569000, 12, 2, 'worker-1', 'PDF generation failed: template not found', '6-2'),
    (14, 8, 1, 0, 1780569000, NULL, 0, 'john', NULL, '7-1'),
    (15, 8, 2, 1, 1780569000, 14, 1, 'jane', NULL, '7-2'),
    (16, 8, 3, 4, 1780569000, 15, 2, 'worker-1', 'PDF generation failed: template not found', '7-3'),
    (17, 9, 1, 0, 1780569000, NULL, 1, 'jane', NULL, '8-1'),
    (18, 9, 2, 4, 1780569000, 17, 2, 'worker-1', 'PDF generation failed: template not found', '8-2'),
    (19, 9, 3, 5, 1780569000, 18, 1, 'jane', NULL, '8-3'),
    (20, 10, 1, 0, 1780569000, NULL, 0, 'john', NULL, '9-1'),
    (21, 10, 2, 1, 1780569000, 20, 1, 'jane', NULL, '9-2'),
    (22, 10, 3, 4, 1780569000, 21, 2, 'worker-1', 'PDF generation failed: template not found', '9-3'),
    (23, 10, 4, 5, 1780569000, 22, 1, 'jane', NULL, '9-4');
INSERT INTO certlife_idempotency VALUES
    ('0-1', 1, 1, NULL),
    ('1-1', 1, 2, NULL),
    ('2-1', 1, 3, NULL),
    ('2-2', 1, 4, NULL),
    ('3-1', 1, 5, NULL),
    ('3-2', 1, 6, NULL),
    ('4-1', 1, 7, NULL),
    ('4-2', 1, 8, NULL),
    ('4-3', 1, 9, NULL),
    ('5-1', 1, 10, NULL),
    ('5-2', 1, 11, NULL),
    ('6-1', 1, 12, NULL),
    ('6-2', 1, 13, NULL),
    ('7-1', 1, 14, NULL),
    ('7-2', 1, 15, NULL),
    ('7-3', 1, 16, NULL),
    ('8-1', 1, 17, NULL),
    ('8-2', 1, 18, NULL),
    ('8-3', 1, 19, NULL),
    ('9-1', 1, 20, NULL),
    ('9-2', 1, 21, NULL),
    ('9-3', 1, 22, NULL),
    ('9-4', 1, 23, NULL);
INSERT INTO certlife_webhook VALUES
    (1, X'A1B2C3D4E5F67890ABCD0000000000FE', 1, 63, 1, '{"url":"https://hooks.example.com/1","kinds":["created","processing","approved","rejected","failed","retried"],"secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}', 1780569000000, 0, 1780569000500, NULL),
    (2, NULL, 1, 63, 0, '{"url":"https://hooks.example.com/1","kinds":["created","processing","approved","rejected","failed","retried"],"secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}', 1780569000000, 0, NULL, NULL);
INSERT INTO certlife_delivery VALUES
    (1, 1, 1, 1, 2, 1, 1780569000200, 1780569000000, 2, NULL),
    (2, 1, 2, 2, 3, 1, 1780569000300, 1780569000000, 2, 'it was refused'),
    (3, 1, 3, 3, 1, 1, 1780569000400, 1780569000000, 2, NULL),
    (4, 1, 3, 4, 0, 0, 0, 1780569000000, 0, NULL),
    (9, 2, 1, 1, 0, 0, 0, 1780569000000, 0, NULL);
UPDATE sqlite_sequence SET seq = 12 WHERE name = 'certlife_delivery';
INSERT INTO certlife_attempt VALUES
    (1, 1, 1780569000100, 12, 200, NULL, 'ok'),
    (2, 2, 1780569000100, 12, 400, 'status 400', NULL),
    (3, 3, 1780569000100, 12, NULL, 'the connection was refused', NULL);
INSERT INTO certlife_work VALUES
    (1, 1, 1, 1, 1780569000, 0, 0, 4294967296, 0, NULL),
    (3, 1, 4, 2, 1780569000, 1, 1780569060000, 8589934593, 1, NULL),
    (9, 1, 19, 3, 1780569000, 1, 1780569030000, 12884901890, 1, 'the printer is out of paper'),
    (10, 1, 23, 4, 1780569000, 0, 0, 17179869184, 0, NULL);
INSERT INTO certlife_token VALUES
    (1, 'c100000000000001', 'our portal', 'our-university', 1, 'jane', 'applications:read,events:read', zeroblob(32), 1780569000000, NULL, NULL);
INSERT INTO certlife_reply VALUES
    (1, 'our-university', 'form-1', zeroblob(16), 1780569000000, 204, '[]', X'');
INSERT INTO certlife_act (institution, at, actor_kind, actor, kind, subject, detail, outcome) VALUES
    ('our-university', 1780569000000, 1, 'jane', 'token.created', 'c100000000000001', 'our portal', 0);
