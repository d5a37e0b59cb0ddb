-- Up to here, the tables had no prefix, and the version stood in the file's header, where the tools of the
-- backend that has tables beside these look for their own.

CREATE TABLE certlife_schema (
    version INTEGER NOT NULL
) STRICT;

ALTER TABLE institution RENAME TO certlife_institution;
ALTER TABLE application RENAME TO certlife_application;
ALTER TABLE head RENAME TO certlife_head;
ALTER TABLE event RENAME TO certlife_event;
ALTER TABLE idempotency RENAME TO certlife_idempotency;
ALTER TABLE webhook RENAME TO certlife_webhook;
ALTER TABLE delivery RENAME TO certlife_delivery;
ALTER TABLE attempt RENAME TO certlife_attempt;

-- An index cannot be renamed, and has a name of its own among those of all tables: they are made
-- anew.
DROP INDEX head_institution;
DROP INDEX application_email;
DROP INDEX webhook_institution;
DROP INDEX delivery_lane;
DROP INDEX delivery_new;
DROP INDEX delivery_later;
DROP INDEX delivery_delivered;
DROP INDEX delivery_dead;
DROP INDEX attempt_delivery;
DROP INDEX attempt_at;

PRAGMA user_version = 0;
PRAGMA application_id = 0;
