-- States: 0 new, 1 later, 2 delivered, 3 dead (`State` in outbox/rules.rs).
-- Deletes deliveries of the webhook $1, up to $2 from each of the indexes that lead to them.
WITH gone AS (
    DELETE FROM certlife_delivery WHERE number = ANY (ARRAY(
        SELECT number FROM certlife_delivery WHERE webhook BETWEEN $1 AND $1 AND state = 0
        ORDER BY webhook, number LIMIT $2
    ) || ARRAY(
        SELECT number FROM certlife_delivery WHERE webhook = $1 AND state = 1 ORDER BY at LIMIT $2
    ) || ARRAY(
        SELECT number FROM certlife_delivery WHERE webhook = $1 AND state >= 2 ORDER BY state, at LIMIT $2
    ))
    RETURNING number
),
attempted AS (
    DELETE FROM certlife_attempt a USING gone WHERE a.delivery = gone.number
)
SELECT count(*) FROM gone
