-- Deletes up to $2 deliveries that are pending and as many that are not, of the webhook $1.
WITH gone AS (
    DELETE FROM certlife_delivery WHERE number = ANY (ARRAY(
        SELECT number FROM certlife_delivery WHERE webhook = $1 AND state < 2 LIMIT $2
    ) || ARRAY(
        SELECT number FROM certlife_delivery WHERE webhook = $1 AND state >= 2 LIMIT $2
    ))
    RETURNING number
),
attempted AS (
    DELETE FROM certlife_attempt a USING gone WHERE a.delivery = gone.number
)
SELECT count(*) FROM gone
