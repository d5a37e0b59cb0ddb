-- What lists add: the order of creation, and indexes on what never changes, so that a transition pays
-- nothing for them.

ALTER TABLE certlife_application ADD COLUMN number bigint;
-- In the order of the feed: that of the rows is the one in which they were changed last. An application whose
-- first event is missing comes last; its reader gets an error.
UPDATE certlife_application a SET number = ordered.number
FROM (
    SELECT a.uuid, row_number() OVER (ORDER BY first.transaction, first.place, a.uuid) AS number
    FROM certlife_application a
    LEFT JOIN certlife_event first ON first.uuid = a.uuid AND first.version = 1
) ordered
WHERE ordered.uuid = a.uuid;
ALTER TABLE certlife_application
    ALTER COLUMN number SET NOT NULL,
    ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY;
SELECT setval(pg_get_serial_sequence('certlife_application', 'number'), max(number))
FROM certlife_application;
CREATE UNIQUE INDEX certlife_application_list ON certlife_application (institution, number);
CREATE INDEX certlife_application_email ON certlife_application (applicant_email);
