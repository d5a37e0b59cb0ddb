-- States: 0 new, 1 later, 2 delivered, 3 dead (`State` in outbox/rules.rs).
-- Takes leases until $2 on the deliveries of the input, which are locked, but for those that wait for an earlier one
-- of their application: they are put off, to the time of the earlier one if that lies behind $2, and else
-- to $1. What was claimed before is not let go by the end of the earlier one, so it looks again.
-- What is leased for the first time stays new: no index changes then, and the row stays on its page.
WITH candidate AS MATERIALIZED (
    SELECT d.number, earlier.at AS waits_for,
        earlier.at IS NULL AND d.state = 0 AS stays_new
    FROM {input}
    JOIN certlife_delivery d ON d.number = input.number
    LEFT JOIN LATERAL (
        -- Nothing is looked up for the first.
        SELECT CASE WHEN e.state = 0 THEN greatest(e.at, e.leased_until) ELSE e.at END AS at FROM certlife_delivery e
        WHERE d.version > 1
            AND e.application = d.application AND e.webhook = d.webhook AND e.version < d.version AND e.state < 2
        ORDER BY e.version LIMIT 1
    ) earlier ON true
),
claimed AS (
    UPDATE certlife_delivery d
    SET state = CASE WHEN candidate.stays_new THEN 0 ELSE 1 END,
        leased_until = CASE WHEN candidate.stays_new THEN $2::bigint END,
        -- That of a lease is odd, also where the last one was never settled. In a new history of the server, which may
        -- give numbers of deliveries again, none is like one of before: so late an end of a lease ends no other.
        token = CASE WHEN candidate.waits_for IS NULL
            THEN greatest((d.token + 1) | 1, ((SELECT base >> 36 FROM certlife_feed) << 20) + 1)
            ELSE d.token END,
        at = CASE
            WHEN candidate.stays_new THEN d.at
            WHEN candidate.waits_for IS NULL THEN $2
            WHEN candidate.waits_for > $2 AND d.token = 0 THEN candidate.waits_for
            ELSE $1
        END
    FROM candidate
    WHERE d.number = candidate.number AND d.state < 2
    RETURNING d.number, d.webhook, d.application, d.version, d.transaction, d.place,
        d.token, d.attempts, d.created_at,
        candidate.waits_for IS NULL AS is_leased
)
SELECT
