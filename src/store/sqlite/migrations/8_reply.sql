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
