-- Puts off the ends of leases that are held to $1, unless their applications have moved on. The rows are locked in
-- the order of their applications' identities.
WITH held AS MATERIALIZED (
    SELECT w.uuid
    FROM {input}
    JOIN certlife_work w ON w.uuid = input.uuid AND w.token = input.token
    ORDER BY w.uuid
    FOR UPDATE OF w
)
UPDATE certlife_work w SET at = $1
FROM held
WHERE w.uuid = held.uuid
    AND (SELECT a.version FROM certlife_application a WHERE a.uuid = w.uuid) = w.version
RETURNING w.uuid, w.token
