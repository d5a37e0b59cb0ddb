-- A key remembers that its command was refused: why, as JSON. Its version is then 0, which no event has.

ALTER TABLE certlife_idempotency ADD COLUMN refused text;
