-- An expansion: programs of version 5 go on working. `expanded` is the newest step that was
-- applied; `version` is what the oldest program that works with these tables must know.

ALTER TABLE certlife_schema ADD COLUMN expanded bigint;

-- Under which server's history (its system identifier and timeline) the feed is written, unless it
-- is not known yet; and what of the base is no number of a transaction.
ALTER TABLE certlife_feed ADD COLUMN history text, ADD COLUMN skipped bigint NOT NULL DEFAULT 0;
