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
INSERT INTO certlife_work_seen VALUES (0);
