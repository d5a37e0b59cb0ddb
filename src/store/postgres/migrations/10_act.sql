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
