-- States: 0 new, 1 later, 2 delivered, 3 dead (`State` in outbox/rules.rs).
-- Deliveries that were delivered before ?1, or were sent before it with that attempt in their row, which is at most ?3
-- milliseconds before; ?2 at most, found as what is due is found.
WITH RECURSIVE kept (webhook) AS (
    SELECT min(webhook) FROM certlife_delivery INDEXED BY certlife_delivery_delivered WHERE state = 2
    UNION ALL
    SELECT (
        SELECT min(d.webhook) FROM certlife_delivery d INDEXED BY certlife_delivery_delivered
        WHERE d.state = 2 AND d.webhook > kept.webhook
    ) FROM kept WHERE kept.webhook IS NOT NULL
)
SELECT d.no FROM kept
CROSS JOIN certlife_delivery d INDEXED BY certlife_delivery_delivered ON d.webhook = kept.webhook
WHERE d.state = 2 AND d.at < ?1 + ?3 AND (d.at < ?1 OR d.sent_at < ?1)
LIMIT ?2
