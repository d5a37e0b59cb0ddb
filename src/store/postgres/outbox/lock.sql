-- States: 0 new, 1 later, 2 delivered, 3 dead (`State` in outbox/rules.rs).
-- Locks what may be claimed: of each webhook of $1, as many as $2 says, of which as many as $3 says are for
-- those that are due again, at $4. It begins with the numbers of $5 and the times of $6. What others are just
-- claiming is passed over. Without OFFSET 0, PostgreSQL would ask again wherever the answer is used.
SELECT w.id, again.numbers, fresh.numbers, rest.numbers
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $5::bigint[], $6::bigint[])
    AS wanted (webhook, room, again, first_number, first_at)
JOIN certlife_webhook w ON w.id = wanted.webhook AND w.enabled
CROSS JOIN LATERAL (
    SELECT ARRAY(
        SELECT d.number FROM certlife_delivery d
        WHERE d.webhook = w.id AND d.state = 1 AND d.at BETWEEN wanted.first_at AND $4
        ORDER BY d.at, d.number LIMIT wanted.again
        FOR UPDATE SKIP LOCKED
    ) AS numbers OFFSET 0
) again
CROSS JOIN LATERAL (
    SELECT ARRAY(
        SELECT d.number FROM certlife_delivery d
        -- With =, the index on the numbers alone would seem to do, and all numbers would be read.
        WHERE (d.webhook, d.number) >= (w.id, wanted.first_number) AND d.webhook <= w.id AND d.state = 0
        ORDER BY d.webhook, d.number LIMIT wanted.room - cardinality(again.numbers)
        FOR UPDATE SKIP LOCKED
    ) AS numbers OFFSET 0
) fresh
CROSS JOIN LATERAL (
    SELECT ARRAY(
        SELECT d.number FROM certlife_delivery d
        WHERE d.webhook = w.id AND d.state = 1 AND d.at BETWEEN wanted.first_at AND $4
            AND d.number <> ALL (again.numbers)
        ORDER BY d.at, d.number
        LIMIT wanted.room - cardinality(again.numbers) - cardinality(fresh.numbers)
        FOR UPDATE SKIP LOCKED
    ) AS numbers OFFSET 0
) rest
