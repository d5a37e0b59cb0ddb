-- Ends the leases that are held: their rows go, or are put off to `at`, unless their applications have moved on.
-- They are locked in the order of their applications' identities, so that of two who settle at once only one waits
-- for the other.
WITH held AS MATERIALIZED (
    SELECT w.uuid, w.token, input.at, input.counts, input.reason,
        (SELECT a.version FROM certlife_application a WHERE a.uuid = w.uuid) IS DISTINCT FROM w.version AS moved_on
    FROM {input}
    JOIN certlife_work w ON w.uuid = input.uuid AND w.token = input.token
    ORDER BY w.uuid
    FOR UPDATE OF w
),
done AS (
    DELETE FROM certlife_work w USING held
    WHERE w.uuid = held.uuid AND (held.at IS NULL OR held.moved_on)
),
put_off AS (
    UPDATE certlife_work w
    SET state = 1,
        at = held.at,
        -- A token is good for one settlement.
        token = w.token + 1,
        attempts = greatest(w.attempts - (NOT held.counts)::integer, 0),
        reason = held.reason
    FROM held
    WHERE w.uuid = held.uuid AND held.at IS NOT NULL AND NOT held.moved_on
)
SELECT uuid, token, moved_on FROM held
