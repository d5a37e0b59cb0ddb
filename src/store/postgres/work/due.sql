-- States: 0 never claimed, 1 claimed before.
-- The institutions that have something in progress, or $1: whether some of it is new, and when the first of the
-- rest is due. The indexes are gone through from one institution to the next. The row without an institution says
-- whether events stand behind those that were looked at.
WITH RECURSIVE new (institution) AS (
    (
        SELECT institution FROM certlife_work WHERE state = 0 AND institution >= coalesce($1::text, '')
        ORDER BY institution LIMIT 1
    )
    UNION ALL
    SELECT following.institution FROM new
    CROSS JOIN LATERAL (
        SELECT w.institution FROM certlife_work w
        WHERE w.state = 0 AND w.institution > new.institution AND $1::text IS NULL
        ORDER BY w.institution LIMIT 1
    ) following
),
later (institution, at) AS (
    (
        SELECT institution, at FROM certlife_work WHERE state = 1 AND institution >= coalesce($1::text, '')
        ORDER BY institution, at LIMIT 1
    )
    UNION ALL
    SELECT following.institution, following.at FROM later
    CROSS JOIN LATERAL (
        SELECT w.institution, w.at FROM certlife_work w
        WHERE w.state = 1 AND w.institution > later.institution AND $1::text IS NULL
        ORDER BY w.institution, w.at LIMIT 1
    ) following
)
SELECT NULL AS institution, is_behind, NULL::bigint AS at
FROM (
    SELECT (
        SELECT EXISTS (
            SELECT FROM certlife_event e WHERE (e.transaction, e.place) > (seen.transaction, seen.place)
            ORDER BY e.transaction, e.place LIMIT 1
        )
        FROM certlife_work_seen seen
    ) AS is_behind
) feed
UNION ALL
SELECT institution, bool_or(is_new), min(at)
FROM (
    SELECT institution, true AS is_new, NULL::bigint AS at FROM new
    UNION ALL
    SELECT institution, false, at FROM later
) pending
WHERE $1::text IS NULL OR institution = $1
GROUP BY institution
