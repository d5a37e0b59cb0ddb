-- States: 0 new, 1 later, 2 delivered, 3 dead (`State` in outbox/rules.rs).
-- What is over lets the next one of its application and webhook go at once, at $1, if it was never
-- claimed. This is asked when the end of the earlier one is committed, and writes the row even if it says
-- nothing new: a claim that still saw the earlier one as pending has locked the next one before, to put it off,
-- and is waited for.
UPDATE certlife_delivery d
SET at = least(d.at, $1)
FROM (
    SELECT first.number FROM {input}
    CROSS JOIN LATERAL (
        SELECT n.number FROM certlife_delivery n
        WHERE n.application = input.application AND n.webhook = input.webhook AND n.state < 2
        ORDER BY n.version LIMIT 1
    ) first
    -- As settlements lock them.
    ORDER BY first.number
) next
WHERE d.number = next.number AND d.token = 0 AND d.state < 2
