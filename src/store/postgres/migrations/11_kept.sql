-- The attempt that delivered a delivery can stand in the delivery's own row, which is written then anyway: a row of
-- certlife_attempt with two index entries is spared. An expansion: programs of version 5 go on working, since none of
-- their statements knows these columns.

ALTER TABLE certlife_delivery
    ADD COLUMN sent_at bigint,      -- milliseconds since 1970
    ADD COLUMN milliseconds bigint,
    ADD COLUMN status integer;
