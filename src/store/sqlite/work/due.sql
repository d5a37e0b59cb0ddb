-- States: 0 never claimed, 1 due at its time. The institutions between two numbers that have work: a row where some of
-- it is new, and a row for the rest, with the time when the first of it is due. The indexes are gone through from one
-- institution to the next.
WITH RECURSIVE new (institution) AS (
    SELECT min(institution) FROM certlife_work INDEXED BY certlife_work_new
    WHERE state = 0 AND institution BETWEEN ?1 AND ?2
    UNION ALL
    SELECT (
        SELECT min(w.institution) FROM certlife_work w INDEXED BY certlife_work_new
        WHERE w.state = 0 AND w.institution > new.institution AND w.institution <= ?2
    ) FROM new WHERE new.institution IS NOT NULL
),
later (institution) AS (
    SELECT min(institution) FROM certlife_work INDEXED BY certlife_work_later
    WHERE state = 1 AND institution BETWEEN ?1 AND ?2
    UNION ALL
    SELECT (
        SELECT min(w.institution) FROM certlife_work w INDEXED BY certlife_work_later
        WHERE w.state = 1 AND w.institution > later.institution AND w.institution <= ?2
    ) FROM later WHERE later.institution IS NOT NULL
)
SELECT i.id, work.is_new, work.at, i.no
FROM (
    SELECT institution, 1 AS is_new, NULL AS at FROM new
    UNION ALL
    SELECT institution, 0, (
        SELECT min(w.at) FROM certlife_work w INDEXED BY certlife_work_later
        WHERE w.institution = later.institution AND w.state = 1
    ) FROM later
) work
CROSS JOIN certlife_institution i ON i.no = work.institution
