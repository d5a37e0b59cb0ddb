-- The attempt that delivered a delivery can stand in its own row, which its end rewrites anyway: a row of
-- certlife_attempt with two index entries is spared. An expansion: programs of version 5 go on working, since they write
-- none of these columns. What the others write, they do not see.

ALTER TABLE certlife_delivery
    ADD COLUMN sent_at bigint,      -- milliseconds since 1970
    ADD COLUMN milliseconds bigint,
    ADD COLUMN status integer;
