-- Deletes deliveries of the webhook $1, up to $2 of each kind that the indexes know.
WITH gone AS (
    DELETE FROM certlife_delivery WHERE number = ANY (ARRAY(
        SELECT number FROM certlife_delivery WHERE webhook = $1 AND state = 0 LIMIT $2
    ) || ARRAY(
        SELECT number FROM certlife_delivery WHERE webhook = $1 AND state = 1 LIMIT $2
    ) || ARRAY(
        SELECT number FROM certlife_delivery WHERE webhook = $1 AND state >= 2 LIMIT $2
    ))
    RETURNING number
),
attempted AS (
    DELETE FROM certlife_attempt a USING gone WHERE a.delivery = gone.number
)
SELECT count(*) FROM gone
