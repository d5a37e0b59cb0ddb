-- Takes leases until $1 on the rows of the input, which are locked; those whose application has moved on are over.
WITH looked AS MATERIALIZED (
    SELECT w.uuid, a.version IS NOT DISTINCT FROM w.version AS is_current
    FROM {input}
    JOIN certlife_work w ON w.uuid = input.uuid
    LEFT JOIN certlife_application a ON a.uuid = w.uuid
),
moved_on AS (
    DELETE FROM certlife_work w USING looked
    WHERE w.uuid = looked.uuid AND NOT looked.is_current
),
leased AS (
    UPDATE certlife_work w
    SET state = 1,
        at = $1,
        attempts = w.attempts + 1,
        -- That of a lease is odd, also where the last one was never settled. None is like one of an earlier version,
        -- whose row may be gone, or of before in a new history of the server: so late an end of a lease ends no
        -- other.
        token = greatest(
            (w.token + 1) | 1,
            (least(w.version, 1073741823) << 32) + ((SELECT base >> 36 FROM certlife_feed) << 20) + 1
        )
    FROM looked
    WHERE w.uuid = looked.uuid AND looked.is_current
    RETURNING w.uuid, w.institution, w.token, w.attempts, w.since, w.transaction
)
SELECT
