-- What waits, since when the first of it, and what is under a lease, of the institutions between two numbers.
SELECT i.id, sum(1 - (work.token & 1)), min(iif(work.token & 1, NULL, work.since)), sum(work.token & 1), i.no
FROM (
    SELECT institution, token, since FROM certlife_work INDEXED BY certlife_work_new
    WHERE state = 0 AND institution BETWEEN ?1 AND ?2
    UNION ALL
    SELECT institution, token, since FROM certlife_work INDEXED BY certlife_work_later
    WHERE state = 1 AND institution BETWEEN ?1 AND ?2
) work
JOIN certlife_institution i ON i.no = work.institution
GROUP BY i.no ORDER BY i.id
