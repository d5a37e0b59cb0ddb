-- Creates applications whose identity is free. $10 is the place in the feed of the transaction's events so
-- far; the other parameters belong to one command each. Status and kind 0 are `created`.
WITH input AS (
    -- one
    SELECT
        $1::uuid AS uuid, $2::text AS institution, $3::bigint AS at, $4::bigint AS application_id,
        $5::text AS certificate_title, $6::text AS applicant_email,
        $7::smallint AS trigger_context, $8::smallint AS actor_kind, $9::text AS actor,
        $11::bigint AS now, 1 AS place
    -- many
    SELECT *
    FROM unnest(
        $1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[],
        $7::smallint[], $8::smallint[], $9::text[], $11::bigint[]
        -- with keys
        , $12::text[]
        -- many
    ) WITH ORDINALITY AS input (
        uuid, institution, at, application_id, certificate_title, applicant_email,
        trigger_context, actor_kind, actor, now,
        -- with keys
        key,
        -- many
        place
    )
    -- always
),
this AS MATERIALIZED (
    SELECT base + pg_current_xact_id()::text::bigint AS transaction FROM certlife_feed
),
fresh AS (
    SELECT * FROM input
    -- with keys
    WHERE key IS NULL OR NOT EXISTS (
        SELECT FROM certlife_idempotency used
        WHERE used.key = input.key AND used.institution = input.institution
    )
    -- always
),
created AS (
    INSERT INTO certlife_application (
        uuid, institution, application_id, certificate_title, applicant_email, trigger_context,
        seal, status, version, updated_at, transaction
    )
    SELECT
        uuid, institution, application_id, certificate_title, applicant_email, trigger_context,
        seal_of(fresh), 0, 1, at, transaction
    FROM fresh, this
    ON CONFLICT (uuid) DO NOTHING
    RETURNING uuid, number
),
-- So written, what was created is looked up in a hash table and not in a loop over all.
done AS (
    SELECT * FROM fresh
    WHERE CASE WHEN uuid IN (SELECT uuid FROM created) THEN true ELSE false END
),
-- with keys
keyed AS (
    INSERT INTO certlife_idempotency (key, institution, uuid, version)
    SELECT key, institution, uuid, 1 FROM done WHERE key IS NOT NULL
),
-- always
recorded AS (
    INSERT INTO certlife_event (
        uuid, version, kind, at, actor_kind, actor, transaction, place
        -- with keys
        , idempotency_key
        -- always
    )
    SELECT
        uuid, 1, 0, at, actor_kind, actor, transaction, $10::integer + place::integer
        -- with keys
        , key
        -- always
    FROM done, this
),
-- For every webhook that wants the event.
queued AS (
    INSERT INTO certlife_delivery (
        application, webhook, version, transaction, place, at, created_at, token, attempts, state
    )
    SELECT
        -- one
        (SELECT number FROM created),
        -- many
        -- Both are in the order of the input. Were they not, this would be null, and refused.
        CASE WHEN (SELECT array_agg(uuid) FROM created)[nth] = done.uuid
            THEN (SELECT array_agg(number) FROM created)[nth] END,
        -- always
        webhook.id, 1, transaction, $10::integer + place::integer, now, now, 0, 0, 0
    -- one
    FROM done
    -- many
    FROM (SELECT *, row_number() OVER () AS nth FROM done) done
    -- always
    CROSS JOIN this
    JOIN certlife_webhook webhook ON webhook.institution = done.institution
        AND webhook.enabled AND webhook.kinds & 1 = 1
    -- many
    -- Where there is no webhook at all, nothing is looked up for each row.
    WHERE EXISTS (SELECT FROM certlife_webhook)
    -- always
)
SELECT uuid FROM created
