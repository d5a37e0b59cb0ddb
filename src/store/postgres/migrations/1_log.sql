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
