{recorded_keys}
recorded AS (
    INSERT INTO certlife_event (
        uuid, version, kind, at, actor_kind, actor, text, transaction, place, idempotency_key
    )
    SELECT
        uuid, version, status, updated_at, actor_kind, actor, text, transaction,
        last_place + place, key
    FROM carried_out
),
-- For every webhook that wants the event.
queued AS (
    INSERT INTO certlife_delivery (
        application, webhook, version, transaction, place, at, created_at, token, attempts, state
    )
    SELECT
        carried_out.number, webhook.id, version, transaction, last_place + place, now, now, 0, 0, 0
    FROM carried_out
    JOIN certlife_webhook webhook ON webhook.institution = carried_out.institution
        AND webhook.enabled AND webhook.kinds >> carried_out.status & 1 = 1
    {if_any_webhook}
)
