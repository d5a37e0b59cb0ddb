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
