-- States: 0 new, 1 later, 2 delivered, 3 dead (`State` in outbox/rules.rs).
-- What is over lets the next one of its application ($1) and webhook ($2) go at once, at $3, if it was never
-- claimed. This is asked when the end of the earlier one is committed, and writes the row even if it says
-- nothing new: a claim that still saw the earlier one as pending has locked the next one before, to put it off,
-- and is waited for.
UPDATE certlife_delivery d
SET at = least(d.at, $3)
FROM (
    SELECT first.number FROM unnest($1::bigint[], $2::uuid[]) AS lane (application, webhook)
    CROSS JOIN LATERAL (
        SELECT n.number FROM certlife_delivery n
        WHERE n.application = lane.application AND n.webhook = lane.webhook AND n.state < 2
        ORDER BY n.version LIMIT 1
    ) first
    -- As settlements lock them.
    ORDER BY first.number
) next
WHERE d.number = next.number AND d.token = 0 AND d.state < 2
