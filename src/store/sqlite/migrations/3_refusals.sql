-- A key remembers that its command was refused: why, as JSON. Its event is then 0, which none has.

ALTER TABLE idempotency ADD COLUMN refused TEXT;
