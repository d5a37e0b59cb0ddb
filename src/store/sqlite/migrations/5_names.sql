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

-- An index cannot be renamed, and has a name of its own among those of all tables.
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

CREATE INDEX certlife_head_institution ON certlife_head (institution);
CREATE INDEX certlife_application_email ON certlife_application (applicant_email);
CREATE INDEX certlife_webhook_institution ON certlife_webhook (institution);
CREATE UNIQUE INDEX certlife_delivery_lane ON certlife_delivery (application, webhook, event);
CREATE INDEX certlife_delivery_new ON certlife_delivery (webhook) WHERE state = 0;
CREATE INDEX certlife_delivery_later ON certlife_delivery (webhook, at) WHERE state = 1;
CREATE INDEX certlife_delivery_delivered ON certlife_delivery (webhook, at) WHERE state = 2;
CREATE INDEX certlife_delivery_dead ON certlife_delivery (webhook, state) WHERE state NOT BETWEEN 0 AND 2;
CREATE INDEX certlife_attempt_delivery ON certlife_attempt (delivery);
CREATE INDEX certlife_attempt_at ON certlife_attempt (at);

PRAGMA user_version = 0;
PRAGMA application_id = 0;
