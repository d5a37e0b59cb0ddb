-- States: 0 new, 1 later, 2 delivered, 3 dead (`State` in outbox/rules.rs).
-- Makes deliveries of the institution $2 due at $1, with all attempts before them. So written, they are found by their
-- numbers. What is pending goes where it waits for a later time, under no lease; and none goes before the lease has
-- ended on what comes after it. An attempt that stands in a delivery's own row makes room for the next one.
WITH old AS MATERIALIZED (
    SELECT d.number, d.sent_at, d.milliseconds, d.status
    FROM {input}
    JOIN certlife_delivery d ON d.number = input.number
    WHERE CASE
        WHEN d.state >= 2 THEN true
        WHEN d.state = 1 THEN d.at > $1 AND d.token & 1 = 0
    END AND EXISTS (
        SELECT FROM certlife_webhook w
        WHERE w.id = d.webhook AND w.institution = $2 AND NOT w.removed
    )
    FOR UPDATE OF d
),
redelivered AS (
    UPDATE certlife_delivery d
    SET state = 1, leased_until = NULL, attempts = 0, reason = NULL, sent_at = NULL, milliseconds = NULL, status = NULL,
        at = greatest($1, (
            SELECT max(CASE WHEN later.state = 0 THEN later.leased_until ELSE later.at END) FROM certlife_delivery later
            WHERE later.application = d.application AND later.webhook = d.webhook
                AND later.version > d.version AND later.state < 2 AND later.token & 1 = 1
        ))
    FROM old
    WHERE d.number = old.number
    RETURNING d.number, old.sent_at, old.milliseconds, old.status
),
attempted AS (
    INSERT INTO certlife_attempt (delivery, at, milliseconds, status)
    SELECT number, sent_at, milliseconds, status FROM redelivered WHERE sent_at IS NOT NULL
)
SELECT number FROM redelivered
