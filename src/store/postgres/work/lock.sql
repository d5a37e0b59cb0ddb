-- States: 0 never claimed, 1 claimed before.
-- Locks what may be claimed: of each institution, as many as there is room for, of which some is for those that
-- are due again, at $1. What others are just claiming or settling is passed over. Without OFFSET 0, PostgreSQL
-- would ask again wherever the answer is used.
SELECT input.nth, again.uuids, fresh.uuids, rest.uuids
FROM {input}
CROSS JOIN LATERAL (
    SELECT ARRAY(
        SELECT w.uuid FROM certlife_work w
        WHERE w.institution = input.institution AND w.state = 1 AND w.at <= $1
        ORDER BY w.at, w.transaction, w.place LIMIT input.again
        FOR UPDATE SKIP LOCKED
    ) AS uuids OFFSET 0
) again
CROSS JOIN LATERAL (
    SELECT ARRAY(
        SELECT w.uuid FROM certlife_work w
        WHERE w.institution = input.institution AND w.state = 0
        ORDER BY w.transaction, w.place LIMIT input.room - cardinality(again.uuids)
        FOR UPDATE SKIP LOCKED
    ) AS uuids OFFSET 0
) fresh
CROSS JOIN LATERAL (
    SELECT ARRAY(
        SELECT w.uuid FROM certlife_work w
        WHERE w.institution = input.institution AND w.state = 1 AND w.at <= $1
            AND w.uuid <> ALL (again.uuids)
        ORDER BY w.at, w.transaction, w.place
        LIMIT input.room - cardinality(again.uuids) - cardinality(fresh.uuids)
        FOR UPDATE SKIP LOCKED
    ) AS uuids OFFSET 0
) rest
