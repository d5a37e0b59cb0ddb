-- States: 0 new, 1 later, 2 delivered, 3 dead (`State` in outbox/rules.rs).
-- Locks what may be claimed: of each webhook, as many as there is room for, of which some is for those that are
-- due again, at $1. New ones are also those whose first lease has ended. It begins with the first number and the
-- first time. What others are just claiming is passed over. Without OFFSET 0, PostgreSQL would ask again wherever
-- the answer is used.
SELECT w.id, again.numbers, fresh.numbers, rest.numbers
FROM {input}
JOIN certlife_webhook w ON w.id = input.webhook AND w.enabled
CROSS JOIN LATERAL (
    SELECT ARRAY(
        SELECT d.number FROM certlife_delivery d
        WHERE d.webhook = w.id AND d.state = 1 AND d.at BETWEEN input.first_at AND $1
        ORDER BY d.at, d.number LIMIT input.again
        FOR UPDATE SKIP LOCKED
    ) AS numbers OFFSET 0
) again
CROSS JOIN LATERAL (
    SELECT ARRAY(
        SELECT d.number FROM certlife_delivery d
        -- With =, the index on the numbers alone would seem to do, and all numbers would be read.
        WHERE (d.webhook, d.number) >= (w.id, input.first_number) AND d.webhook <= w.id AND d.state = 0
            AND (d.leased_until IS NULL OR d.leased_until <= $1)
        ORDER BY d.webhook, d.number LIMIT input.room - cardinality(again.numbers)
        FOR UPDATE SKIP LOCKED
    ) AS numbers OFFSET 0
) fresh
CROSS JOIN LATERAL (
    SELECT ARRAY(
        SELECT d.number FROM certlife_delivery d
        WHERE d.webhook = w.id AND d.state = 1 AND d.at BETWEEN input.first_at AND $1
            AND d.number <> ALL (again.numbers)
        ORDER BY d.at, d.number
        LIMIT input.room - cardinality(again.numbers) - cardinality(fresh.numbers)
        FOR UPDATE SKIP LOCKED
    ) AS numbers OFFSET 0
) rest
