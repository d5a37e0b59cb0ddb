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
INSERT INTO certlife_work_seen VALUES (0, 0);
