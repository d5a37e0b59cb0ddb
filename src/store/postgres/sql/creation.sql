-- Creates applications whose identity is free. The input has a row for each command, in the order
-- of the applications' identities: so every statement takes its locks in one order, and then those
-- of the keys in theirs. The place is that in the feed, within the transaction.
WITH input AS (
    {input}
    {unused_keys}
),
this AS MATERIALIZED (
    SELECT
        base + pg_current_xact_id()::text::bigint AS transaction, skipped,
        {last_place} AS last_place
    FROM certlife_feed
    {guard}
),
fresh AS (
    -- Status and kind 0 are `created`.
    SELECT
        input.*, transaction, last_place,
        (transaction - skipped) * {places} + last_place + place AS number,
        0::smallint AS status, 1::bigint AS version, at AS updated_at, NULL::text AS text
    FROM input, this
),
created AS (
    INSERT INTO certlife_application (
        uuid, institution, application_id, certificate_title, applicant_email, trigger_context,
        seal, status, version, updated_at, transaction, number
    )
    SELECT
        uuid, institution, application_id, certificate_title, applicant_email, trigger_context,
        {seal_of_fresh}, status, version, updated_at, transaction, number
    FROM fresh
    ON CONFLICT (uuid) DO NOTHING
    RETURNING uuid, transaction
),
-- So written, what was created is looked up in a hash table and not in a loop over all.
carried_out AS (
    SELECT * FROM fresh
    WHERE CASE WHEN uuid IN (SELECT uuid FROM created) THEN true ELSE false END
),
{records}
SELECT uuid, transaction{behind} FROM created
