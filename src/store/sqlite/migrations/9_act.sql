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
