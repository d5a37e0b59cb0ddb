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
