-- Deliveries that were delivered before ?1, ?2 at most, found as what is due is found.
WITH RECURSIVE kept (webhook) AS (
    SELECT min(webhook) FROM delivery INDEXED BY delivery_delivered WHERE state = 2
    UNION ALL
    SELECT (
        SELECT min(d.webhook) FROM delivery d INDEXED BY delivery_delivered
        WHERE d.state = 2 AND d.webhook > kept.webhook
    ) FROM kept WHERE kept.webhook IS NOT NULL
)
SELECT d.no FROM kept
CROSS JOIN delivery d INDEXED BY delivery_delivered ON d.webhook = kept.webhook
WHERE d.state = 2 AND d.at < ?1
LIMIT ?2
