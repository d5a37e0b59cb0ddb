-- Creates applications whose identity is free. The parameters are columns, a command each, in the order of
-- the applications' identities: so every statement takes its locks in one order, and then those of the keys
-- in theirs. The place is that in the feed, within the transaction. Status and kind 0 are `created`.
WITH input AS (
    -- one
    SELECT
        $1::uuid AS uuid, $2::text AS institution, $3::bigint AS at, $4::bigint AS application_id,
        $5::text AS certificate_title, $6::text AS applicant_email,
        $7::smallint AS trigger_context, $8::smallint AS actor_kind, $9::text AS actor,
        $11::bigint AS now, $10::integer AS place
    -- many
    SELECT *
    FROM unnest(
        $1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[],
        $7::smallint[], $8::smallint[], $9::text[], $10::integer[], $11::bigint[]
        -- with keys
        , $12::text[]
        -- many
    ) AS input (
        uuid, institution, at, application_id, certificate_title, applicant_email,
        trigger_context, actor_kind, actor, place, now
        -- with keys
        , key
        -- many
    )
    -- always
),
this AS MATERIALIZED (
    SELECT base + pg_current_xact_id()::text::bigint AS transaction, skipped FROM certlife_feed
),
fresh AS (
    SELECT * FROM input
    -- with keys
    WHERE key IS NULL OR (
        -- So written, each key is looked up in the index, even if the table seemed to be small when this was
        -- planned.
        SELECT used.version FROM certlife_idempotency used
        WHERE used.key = input.key AND used.institution = input.institution
    ) IS NULL
    -- always
),
created AS (
    INSERT INTO certlife_application (
        uuid, institution, application_id, certificate_title, applicant_email, trigger_context,
        seal, status, version, updated_at, transaction, number
    )
    SELECT
        uuid, institution, application_id, certificate_title, applicant_email, trigger_context,
        seal_of(fresh), 0, 1, at, transaction, number_of(fresh)
    FROM fresh, this
    ON CONFLICT (uuid) DO NOTHING
    RETURNING uuid
),
-- So written, what was created is looked up in a hash table and not in a loop over all.
done AS (
    SELECT * FROM fresh
    WHERE CASE WHEN uuid IN (SELECT uuid FROM created) THEN true ELSE false END
),
-- recorded keys
keyed AS (
    INSERT INTO certlife_idempotency (key, institution, uuid, version)
    SELECT key, institution, uuid, 1 FROM done WHERE key IS NOT NULL
    ORDER BY key COLLATE "C", institution COLLATE "C"
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
        uuid, 1, 0, at, actor_kind, actor, transaction, place
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
        number_of(done), webhook.id, 1, transaction, place, now, now, 0, 0, 0
    FROM done CROSS JOIN this
    JOIN certlife_webhook webhook ON webhook.institution = done.institution
        AND webhook.enabled AND webhook.kinds & 1 = 1
    -- many
    -- Where there is no webhook at all, nothing is looked up for each row.
    WHERE EXISTS (SELECT FROM certlife_webhook)
    -- always
)
SELECT uuid FROM created
