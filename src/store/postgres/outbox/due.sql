-- States: 0 new, 1 later, 2 delivered, 3 dead (`State` in outbox/rules.rs).
-- The enabled webhooks that something is pending for: whether some of it is new, and when the first of the rest
-- is due. New ones that are all leased are due when a lease ends. The indexes are gone through from one webhook to
-- the next, so that those for which nothing is pending cost nothing.
WITH RECURSIVE new (webhook) AS (
    (
        SELECT webhook FROM certlife_delivery WHERE state = 0 ORDER BY webhook LIMIT 1
    )
    UNION ALL
    SELECT following.webhook FROM new
    CROSS JOIN LATERAL (
        SELECT d.webhook FROM certlife_delivery d
        WHERE d.state = 0 AND d.webhook > new.webhook
        ORDER BY d.webhook LIMIT 1
    ) following
),
later (webhook, at) AS (
    (
        SELECT webhook, at FROM certlife_delivery WHERE state = 1 ORDER BY webhook, at LIMIT 1
    )
    UNION ALL
    SELECT following.webhook, following.at FROM later
    CROSS JOIN LATERAL (
        SELECT d.webhook, d.at FROM certlife_delivery d
        WHERE d.state = 1 AND d.webhook > later.webhook
        ORDER BY d.webhook, d.at LIMIT 1
    ) following
)
SELECT w.id, w.not_before, bool_or(pending.is_new), min(pending.at)
FROM (
    SELECT new.webhook, free.number IS NOT NULL AS is_new, leased.until AS at
    FROM new
    LEFT JOIN LATERAL (
        SELECT d.number FROM certlife_delivery d
        -- With =, the index on the numbers alone would seem to do.
        WHERE d.webhook BETWEEN new.webhook AND new.webhook AND d.state = 0 AND d.leased_until IS NULL
        ORDER BY d.webhook, d.number LIMIT 1
    ) free ON true
    CROSS JOIN LATERAL (
        SELECT min(d.leased_until) AS until FROM certlife_delivery d
        WHERE free.number IS NULL AND d.webhook = new.webhook AND d.state = 0
    ) leased
    UNION ALL
    SELECT webhook, false, at FROM later
) pending
JOIN certlife_webhook w ON w.id = pending.webhook AND w.enabled
GROUP BY w.id
