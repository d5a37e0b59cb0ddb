-- A delivery that is leased for the first time stays in state 0, with the end of the lease in its `at`; and the attempt
-- that delivered it can stand in its row. So neither a lease nor an attempt changes an index.

ALTER TABLE certlife_delivery ADD COLUMN sent_at INTEGER;       -- milliseconds since 1970
ALTER TABLE certlife_delivery ADD COLUMN milliseconds INTEGER;
ALTER TABLE certlife_delivery ADD COLUMN status INTEGER;
