-- What lists add: the order of creation, and indexes on what never changes, so that a transition pays
-- nothing for them.

ALTER TABLE certlife_application ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY;
CREATE UNIQUE INDEX certlife_application_list ON certlife_application (institution, number);
CREATE INDEX certlife_application_email ON certlife_application (applicant_email);
