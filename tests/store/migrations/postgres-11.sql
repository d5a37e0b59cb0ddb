-- A database as version 11 of the schema left it: one of every kind of application, every command with a
-- key, one that was refused, claims on what is in progress, a token, a reply, and an act. Never changed: it stands for the databases that are out there.

CREATE TABLE certlife_schema (version bigint NOT NULL);
INSERT INTO certlife_schema VALUES (5);

-- What every store keeps: applications and their events. The application's uuid leads the keys.
-- Statuses, kinds and the like are numbers: their place in the crate's enumerations, from 0.
-- Texts are as the crate's src/store/postgres/text.rs writes them: PostgreSQL's have no U+0000.

CREATE TABLE certlife_application (
    uuid uuid PRIMARY KEY,
    institution text NOT NULL,
    application_id bigint NOT NULL,
    certificate_title text NOT NULL,
    applicant_email text NOT NULL,
    trigger_context smallint NOT NULL,
    -- A digest of the four columns before: as long as it fits, the crate has checked what they hold.
    seal uuid NOT NULL,
    -- What a transition updates; it repeats what the last event says. None of it is indexed.
    status smallint NOT NULL,
    version bigint NOT NULL,
    updated_at bigint NOT NULL,     -- seconds since 1970
    transaction bigint NOT NULL     -- of the last event
) WITH (fillfactor = 70);

-- In the order of commits by (transaction, place): see docs/decisions/0007-feed.md.
CREATE TABLE certlife_event (
    uuid uuid NOT NULL,
    version bigint NOT NULL,
    kind smallint NOT NULL,
    at bigint NOT NULL,             -- seconds since 1970
    actor_kind smallint NOT NULL,
    actor text NOT NULL,
    text text,                      -- the rejection reason or the error
    idempotency_key text,
    transaction bigint NOT NULL,
    place integer NOT NULL,
    PRIMARY KEY (uuid, version)
);
CREATE UNIQUE INDEX certlife_event_feed ON certlife_event (transaction, place);

CREATE TABLE certlife_idempotency (
    key text NOT NULL,
    institution text NOT NULL,
    uuid uuid NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (key, institution)
);

-- What is added to PostgreSQL's transaction ids, so that they go on where a restored dump ended.
CREATE TABLE certlife_feed (
    base bigint NOT NULL
);
INSERT INTO certlife_feed VALUES (0);

-- What lists add: the order of creation, and indexes on what never changes, so that a transition pays
-- nothing for them.

ALTER TABLE certlife_application ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY;
CREATE UNIQUE INDEX certlife_application_list ON certlife_application (institution, number);
CREATE INDEX certlife_application_email ON certlife_application (applicant_email);

-- A key remembers that its command was refused: why, as JSON. Its version is then 0, which no event has.

ALTER TABLE certlife_idempotency ADD COLUMN refused text;

-- What the delivery of events adds: webhooks, what each is to be sent, and how it went. Times are
-- milliseconds since 1970.

CREATE TABLE certlife_webhook (
    id uuid PRIMARY KEY,
    number bigint NOT NULL GENERATED ALWAYS AS IDENTITY,    -- the order of creation
    institution text NOT NULL,
    -- These two repeat what the settings say, for the statements that record events: bit n of the kinds
    -- stands for kind n.
    kinds smallint NOT NULL,
    enabled boolean NOT NULL,
    settings text NOT NULL,         -- JSON, with the secrets
    created_at bigint NOT NULL,
    revision bigint NOT NULL,
    failing_since bigint,
    not_before bigint,
    -- Nobody sees it any more; its deliveries are being deleted.
    removed boolean NOT NULL DEFAULT false
) WITH (fillfactor = 70);
CREATE INDEX certlife_webhook_institution ON certlife_webhook (institution);

-- The state is 0 as long as it was never claimed, 1 as long as it has a due time or the end of a lease in
-- `at`, 2 when it is delivered and 3 when it is dead. The application is named by its number, and the event also by
-- its place in the feed: then what is claimed together lies together, and a uuid would lead all over the tables.
CREATE TABLE certlife_delivery (
    application bigint NOT NULL,
    webhook uuid NOT NULL,
    version bigint NOT NULL,
    transaction bigint NOT NULL,
    place integer NOT NULL,
    number bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    at bigint NOT NULL,
    created_at bigint NOT NULL,
    token bigint NOT NULL,          -- of the newest lease, and odd; or of its end, and even; 0 where there was none
    attempts integer NOT NULL,
    state smallint NOT NULL,
    reason text,
    PRIMARY KEY (application, webhook, version)
-- Every delivery leaves two dead rows behind, and claims read past those that are not yet removed.
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE UNIQUE INDEX certlife_delivery_number ON certlife_delivery (number);
CREATE INDEX certlife_delivery_new ON certlife_delivery (webhook, number) WHERE state = 0;
CREATE INDEX certlife_delivery_later ON certlife_delivery (webhook, at, number) WHERE state = 1;
CREATE INDEX certlife_delivery_over ON certlife_delivery (webhook, state, at) WHERE state >= 2;

CREATE TABLE certlife_attempt (
    delivery bigint NOT NULL,
    number bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    at bigint NOT NULL,
    milliseconds bigint NOT NULL,
    status integer,
    error text,
    excerpt text,
    PRIMARY KEY (delivery, number)
);
CREATE INDEX certlife_attempt_at ON certlife_attempt (at);

-- Applications get their number from the statement that creates them, made from their place in the feed: so they
-- are listed in the order of the feed, in whatever order their rows are locked. A program of the version before
-- goes on with numbers of the sequence, which come first.

ALTER TABLE certlife_application ALTER COLUMN number SET GENERATED BY DEFAULT;

-- An expansion: programs of version 5 go on working. `expanded` is the newest step that was
-- applied; `version` is what the oldest program that works with these tables must know.

ALTER TABLE certlife_schema ADD COLUMN expanded bigint;

-- Under which server's history (its system identifier and timeline) the feed is written, unless it
-- is not known yet; and what of the base is no number of a transaction.
ALTER TABLE certlife_feed ADD COLUMN history text, ADD COLUMN skipped bigint NOT NULL DEFAULT 0;
-- What background work adds: who has a claim on an application in progress. An expansion: programs of version 5
-- go on working, since no statement that moves an application on writes here.

-- One row for each application that was found in progress, for the version at which it is. The state is 0 as long
-- as it was never claimed, and 1 as long as it has a due time or the end of a lease in `at`.
CREATE TABLE certlife_work (
    uuid uuid PRIMARY KEY,          -- of the application
    institution text NOT NULL,
    version bigint NOT NULL,        -- which other versions end
    transaction bigint NOT NULL,    -- these two are the place of its event in the feed
    place integer NOT NULL,
    since bigint NOT NULL,          -- seconds since 1970
    state smallint NOT NULL,
    at bigint NOT NULL,             -- milliseconds since 1970
    token bigint NOT NULL,          -- of the newest lease, and odd; or of its end, and even; 0 where there was none
    attempts integer NOT NULL,
    reason text                     -- why it is tried again
-- As with deliveries, claims read past the dead rows that are not yet removed.
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX certlife_work_new ON certlife_work (institution, transaction, place) WHERE state = 0;
CREATE INDEX certlife_work_later ON certlife_work (institution, at, transaction, place) WHERE state = 1;

-- The last event of the feed up to which all were looked at; its only row.
CREATE TABLE certlife_work_seen (
    transaction bigint NOT NULL,
    place integer NOT NULL
);
INSERT INTO certlife_work_seen VALUES (752, 1);
-- What the HTTP API adds: its tokens. An expansion: programs of version 5 go on working, since none of their
-- statements knows them. Times are milliseconds since 1970.

CREATE TABLE certlife_token (
    id text PRIMARY KEY,            -- 16 hexadecimal digits
    number bigint NOT NULL GENERATED ALWAYS AS IDENTITY,    -- the order of creation
    name text NOT NULL,
    institution text,               -- none: it is good for all of them
    actor_kind smallint NOT NULL,
    actor text NOT NULL,
    scopes text NOT NULL,           -- their names, separated by commas
    secret_hash bytea NOT NULL,     -- SHA-256
    created_at bigint NOT NULL,
    expires_at bigint,
    last_used_at bigint
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX certlife_token_number ON certlife_token (number);
CREATE INDEX certlife_token_institution ON certlife_token (institution, number);
-- What the HTTP API adds: replies under the idempotency keys of requests that make no event. An expansion: programs
-- of version 5 go on working, since none of their statements knows them. Times are milliseconds since 1970.

CREATE TABLE certlife_reply (
    institution text NOT NULL,
    key text NOT NULL,
    owner bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY,    -- which beginning it is
    request uuid NOT NULL,          -- a digest
    begun_at bigint NOT NULL,
    status smallint,                -- none, and neither of the others, as long as it is carried out
    headers text,                   -- JSON: names and values
    body bytea,                     -- may have the secret of a webhook
    PRIMARY KEY (institution, key)
) WITH (fillfactor = 70);
-- Who did what to webhooks, deliveries and tokens. An expansion: programs of version 5 go on working, since none of
-- their statements knows it. Times are milliseconds since 1970.

CREATE TABLE certlife_act (
    number bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,    -- the order in which they were recorded
    institution text,               -- none: it is about all of them
    at bigint NOT NULL,
    actor_kind smallint NOT NULL,
    actor text NOT NULL,
    kind text NOT NULL,             -- its word, such as token.created
    subject text NOT NULL,          -- the id of a webhook, a delivery or a token, or empty
    detail text NOT NULL,
    outcome smallint,               -- 0: done, 1: refused; none: broken off, or being done
    reason text                     -- why it was refused
) WITH (fillfactor = 70);
CREATE INDEX certlife_act_institution ON certlife_act (institution, number);
CREATE INDEX certlife_act_at ON certlife_act (at);
-- The attempt that delivered a delivery can stand in the delivery's own row, which is written then anyway: a row of
-- certlife_attempt with two index entries is spared. An expansion: programs of version 5 go on working, since none of
-- their statements knows these columns.

ALTER TABLE certlife_delivery
    ADD COLUMN sent_at bigint,      -- milliseconds since 1970
    ADD COLUMN milliseconds bigint,
    ADD COLUMN status integer;
UPDATE certlife_schema SET expanded = 11;

INSERT INTO certlife_application (
    uuid, institution, application_id, certificate_title, applicant_email, trigger_context, seal, status, version, updated_at, transaction, number
) VALUES
('9e7860f0-05d1-4fd0-b3e0-000000000000', 'our-university', '1', 'Certificate no. 0', 'applicant-0@example.com', '0', 'f9420233-856d-07fd-dfa3-2adfa8ae7ef7', '0', '1', '1780569000', '726', '3045064705'),
('9e7860f0-05d1-4fd0-b3e0-000000000001', 'our-university', '2', 'Certificate no. 1', 'applicant-1@example.com', '2', '409dd4cf-b1f3-254c-6862-fb0d790d1a33', '0', '1', '1780569000', '728', '3053453313'),
('9e7860f0-05d1-4fd0-b3e0-000000000002', 'our-university', '3', 'Certificate no. 2', 'applicant-2@example.com', '2', '45af7fda-b02e-89eb-86aa-2ab37ed4fbeb', '1', '2', '1780569000', '730', '3057647617'),
('9e7860f0-05d1-4fd0-b3e0-000000000003', 'our-university', '4', 'Certificate no. 3', 'applicant-0@example.com', '0', '31bc5041-9430-7d54-17e3-6876d6faaa27', '2', '2', '1780569000', '733', '3070230529'),
('9e7860f0-05d1-4fd0-b3e0-000000000004', 'our-university', '5', 'Certificate no. 4', 'applicant-1@example.com', '2', '5e190874-000f-660f-e52c-76c145a202bd', '2', '3', '1780569000', '736', '3078619137'),
('9e7860f0-05d1-4fd0-b3e0-000000000005', 'our-university', '6', 'Certificate no. 5', 'applicant-2@example.com', '2', '80184e77-fdd6-f1a4-e560-9997e453f86f', '3', '2', '1780569000', '739', '3091202049'),
('9e7860f0-05d1-4fd0-b3e0-000000000006', 'our-university', '7', 'Certificate no. 6', 'applicant-0@example.com', '0', '429a045a-cce5-99d1-4fb6-5b41394a983c', '4', '2', '1780569000', '741', '3103784961'),
('9e7860f0-05d1-4fd0-b3e0-000000000007', 'our-university', '8', 'Certificate no. 7', 'applicant-1@example.com', '2', '112a154d-959e-ab18-ecc1-f48bd32626fc', '4', '3', '1780569000', '744', '3112173569'),
('9e7860f0-05d1-4fd0-b3e0-000000000008', 'our-university', '9', 'Certificate no. 8', 'applicant-2@example.com', '0', '344bf8d1-5d6c-4231-dc04-f08839b59877', '5', '3', '1780569000', '748', '3128950785'),
('9e7860f0-05d1-4fd0-b3e0-000000000009', 'our-university', '10', 'Certificate no. 9', 'applicant-0@example.com', '2', '927e266f-df36-221f-8e96-c3125074c3f5', '5', '4', '1780569000', '752', '3141533697');
INSERT INTO certlife_event (
    uuid, version, kind, at, actor_kind, actor, text, idempotency_key, transaction, place
) VALUES
('9e7860f0-05d1-4fd0-b3e0-000000000000', '1', '0', '1780569000', '1', 'jane', NULL, '0-1', '726', '1'),
('9e7860f0-05d1-4fd0-b3e0-000000000001', '1', '0', '1780569000', '0', 'john', NULL, '1-1', '728', '1'),
('9e7860f0-05d1-4fd0-b3e0-000000000002', '1', '0', '1780569000', '0', 'john', NULL, '2-1', '729', '1'),
('9e7860f0-05d1-4fd0-b3e0-000000000002', '2', '1', '1780569000', '1', 'jane', NULL, '2-2', '730', '1'),
('9e7860f0-05d1-4fd0-b3e0-000000000003', '1', '0', '1780569000', '1', 'jane', NULL, '3-1', '732', '1'),
('9e7860f0-05d1-4fd0-b3e0-000000000003', '2', '2', '1780569000', '2', 'worker-1', NULL, '3-2', '733', '1'),
('9e7860f0-05d1-4fd0-b3e0-000000000004', '1', '0', '1780569000', '0', 'john', NULL, '4-1', '734', '1'),
('9e7860f0-05d1-4fd0-b3e0-000000000004', '2', '1', '1780569000', '1', 'jane', NULL, '4-2', '735', '1'),
('9e7860f0-05d1-4fd0-b3e0-000000000004', '3', '2', '1780569000', '2', 'worker-1', NULL, '4-3', '736', '1'),
('9e7860f0-05d1-4fd0-b3e0-000000000005', '1', '0', '1780569000', '0', 'john', NULL, '5-1', '737', '1'),
('9e7860f0-05d1-4fd0-b3e0-000000000005', '2', '3', '1780569000', '1', 'jane', 'Duplicate certificate', '5-2', '739', '1'),
('9e7860f0-05d1-4fd0-b3e0-000000000006', '1', '0', '1780569000', '1', 'jane', NULL, '6-1', '740', '1'),
('9e7860f0-05d1-4fd0-b3e0-000000000006', '2', '4', '1780569000', '2', 'worker-1', 'PDF generation failed: template not found', '6-2', '741', '1'),
('9e7860f0-05d1-4fd0-b3e0-000000000007', '1', '0', '1780569000', '0', 'john', NULL, '7-1', '742', '1'),
('9e7860f0-05d1-4fd0-b3e0-000000000007', '2', '1', '1780569000', '1', 'jane', NULL, '7-2', '743', '1'),
('9e7860f0-05d1-4fd0-b3e0-000000000007', '3', '4', '1780569000', '2', 'worker-1', 'PDF generation failed: template not found', '7-3', '744', '1'),
('9e7860f0-05d1-4fd0-b3e0-000000000008', '1', '0', '1780569000', '1', 'jane', NULL, '8-1', '746', '1'),
('9e7860f0-05d1-4fd0-b3e0-000000000008', '2', '4', '1780569000', '2', 'worker-1', 'PDF generation failed: template not found', '8-2', '747', '1'),
('9e7860f0-05d1-4fd0-b3e0-000000000008', '3', '5', '1780569000', '1', 'jane', NULL, '8-3', '748', '1'),
('9e7860f0-05d1-4fd0-b3e0-000000000009', '1', '0', '1780569000', '0', 'john', NULL, '9-1', '749', '1'),
('9e7860f0-05d1-4fd0-b3e0-000000000009', '2', '1', '1780569000', '1', 'jane', NULL, '9-2', '750', '1'),
('9e7860f0-05d1-4fd0-b3e0-000000000009', '3', '4', '1780569000', '2', 'worker-1', 'PDF generation failed: template not found', '9-3', '751', '1'),
('9e7860f0-05d1-4fd0-b3e0-000000000009', '4', '5', '1780569000', '1', 'jane', NULL, '9-4', '752', '1');
INSERT INTO certlife_idempotency (
    key, institution, uuid, version, refused
) VALUES
('0-1', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000000', '1', NULL),
('1-1', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000001', '1', NULL),
('2-1', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000002', '1', NULL),
('2-2', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000002', '2', NULL),
('3-1', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000003', '1', NULL),
('3-2', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000003', '2', NULL),
('4-1', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000004', '1', NULL),
('4-2', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000004', '2', NULL),
('4-3', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000004', '3', NULL),
('5-1', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000005', '1', NULL),
('5-2', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000005', '2', NULL),
('5-refused', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000005', '0', '{"operation":"approve","uuid":"9e7860f0-05d1-4fd0-b3e0-000000000005","actor":"system:worker-1","command":"2af9ee12-7180-5f55-ad5c-b91d25b20ff0","code":"illegal_transition","message":"cannot approve application 9e7860f0-05d1-4fd0-b3e0-000000000005 (source customer): its status is rejected, which is final"}'),
('6-1', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000006', '1', NULL),
('6-2', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000006', '2', NULL),
('7-1', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000007', '1', NULL),
('7-2', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000007', '2', NULL),
('7-3', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000007', '3', NULL),
('8-1', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000008', '1', NULL),
('8-2', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000008', '2', NULL),
('8-3', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000008', '3', NULL),
('9-1', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000009', '1', NULL),
('9-2', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000009', '2', NULL),
('9-3', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000009', '3', NULL),
('9-4', 'our-university', '9e7860f0-05d1-4fd0-b3e0-000000000009', '4', NULL);
INSERT INTO certlife_work (
    uuid, institution, version, transaction, place, since, state, at, token, attempts, reason
) VALUES
('9e7860f0-05d1-4fd0-b3e0-000000000000', 'our-university', '1', '726', '1', '1780569000', '0', '0', '4294967296', '0', NULL),
('9e7860f0-05d1-4fd0-b3e0-000000000002', 'our-university', '2', '730', '1', '1780569000', '1', '1780569060000', '8589934593', '1', NULL),
('9e7860f0-05d1-4fd0-b3e0-000000000008', 'our-university', '3', '748', '1', '1780569000', '1', '1780569030000', '12884901890', '1', 'the printer is out of paper'),
('9e7860f0-05d1-4fd0-b3e0-000000000009', 'our-university', '4', '752', '1', '1780569000', '0', '0', '17179869184', '0', NULL);
INSERT INTO certlife_token (
    id, name, institution, actor_kind, actor, scopes, secret_hash, created_at, expires_at, last_used_at
) VALUES
('c100000000000001', 'our portal', 'our-university', '1', 'jane', 'applications:read,events:read', '\x0101010101010101010101010101010101010101010101010101010101010101', '1780569000000', NULL, NULL);
INSERT INTO certlife_act (institution, at, actor_kind, actor, kind, subject, detail, outcome) VALUES
('our-university', '1780569000000', '1', 'jane', 'token.created', 'c100000000000001', 'our portal', '0');
INSERT INTO certlife_reply (institution, key, request, begun_at, status, headers, body) VALUES
('our-university', 'form-1', '00000000-0000-0000-0000-000000000001', '1780569000000', '204', '[]', '');
