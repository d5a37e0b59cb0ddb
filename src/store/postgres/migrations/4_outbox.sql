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
    -- It is hidden; its deliveries are being deleted.
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
