-- States: 0 new, 1 later, 2 delivered, 3 dead (`State` in outbox/rules.rs).
-- Records what became of deliveries, each of which is named once, in the order of their numbers: so two who
-- do this wait for each other one way. What another has claimed since is left alone. An attempt that is kept
-- stands in the delivery's own row.
WITH settled AS (
    UPDATE certlife_delivery d
    SET state = input.state,
        at = input.at,
        reason = input.reason,
        leased_until = NULL,
        -- A token is good for one settlement.
        token = d.token + 1,
        attempts = d.attempts + (input.sent_at IS NOT NULL)::integer,
        sent_at = CASE WHEN input.kept THEN input.sent_at END,
        milliseconds = CASE WHEN input.kept THEN input.milliseconds END,
        status = CASE WHEN input.kept THEN input.status END
    FROM {input}
    WHERE d.number = input.number AND d.token = input.token AND d.state < 2
        -- What belongs to a webhook that was removed is gone. A join could change the order of the numbers.
        AND NOT (SELECT w.removed FROM certlife_webhook w WHERE w.id = d.webhook)
    RETURNING d.number, d.application, d.webhook, input.state, input.kept,
        input.sent_at, input.milliseconds, input.status, input.error, input.excerpt
),
attempted AS (
    INSERT INTO certlife_attempt (delivery, at, milliseconds, status, error, excerpt)
    SELECT number, sent_at, milliseconds, status, error, excerpt
    FROM settled WHERE sent_at IS NOT NULL AND NOT kept
)
SELECT number, application, webhook, state >= 2 FROM settled
