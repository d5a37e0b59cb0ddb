-- States: 0 new, 1 later, 2 delivered, 3 dead (`State` in outbox/rules.rs).
-- The enabled webhooks that something is pending for: a row where some of it is new, and a row for the rest, with the
-- time when the first of it is due. New ones that are all leased are due when a lease ends. The indexes are gone
-- through from one webhook to the next, so that those for which nothing is pending cost nothing.
WITH RECURSIVE new (webhook) AS (
    SELECT min(webhook) FROM certlife_delivery INDEXED BY certlife_delivery_new WHERE state = 0
    UNION ALL
    SELECT (
        SELECT min(d.webhook) FROM certlife_delivery d INDEXED BY certlife_delivery_new
        WHERE d.state = 0 AND d.webhook > new.webhook
    ) FROM new WHERE new.webhook IS NOT NULL
),
later (webhook) AS (
    SELECT min(webhook) FROM certlife_delivery INDEXED BY certlife_delivery_later WHERE state = 1
    UNION ALL
    SELECT (
        SELECT min(d.webhook) FROM certlife_delivery d INDEXED BY certlife_delivery_later
        WHERE d.state = 1 AND d.webhook > later.webhook
    ) FROM later WHERE later.webhook IS NOT NULL
)
SELECT w.id, w.not_before, pending.is_new, pending.at, w.no
FROM (
    SELECT webhook, free IS NOT NULL AS is_new, iif(free IS NULL, (
        SELECT min(d.at) FROM certlife_delivery d INDEXED BY certlife_delivery_new
        WHERE d.webhook = unleased.webhook AND d.state = 0
    ), NULL) AS at FROM (
        SELECT webhook, (
            SELECT d.no FROM certlife_delivery d INDEXED BY certlife_delivery_new
            WHERE d.webhook = new.webhook AND d.state = 0 AND d.token = 0 LIMIT 1
        ) AS free FROM new WHERE webhook IS NOT NULL
    ) unleased
    UNION ALL
    SELECT webhook, 0, (
        SELECT min(d.at) FROM certlife_delivery d INDEXED BY certlife_delivery_later
        WHERE d.webhook = later.webhook AND d.state = 1
    ) FROM later
) pending
CROSS JOIN certlife_webhook w ON w.no = pending.webhook
WHERE w.enabled = 1 AND w.id IS NOT NULL
