-- Carries out one command for each application named, where the rules allow it: $5 is the set of
-- (status, source) in which the command is legal, as made from the crate's rules. Answers those that went
-- through. Of the others nothing is changed; why, is decided by the crate, from what it then reads.
WITH input AS (
    SELECT *
    FROM unnest(
        $1::uuid[], $2::text[], $3::bigint[], $4::boolean[], $5::integer[], $6::smallint[],
        $7::bigint[], $8::smallint[], $9::text[], $10::text[], $11::text[],
        $12::bigint[], $13::text[], $14::text[], $15::smallint[]
    ) WITH ORDINALITY AS input (
        uuid, institution, at, at_is_given, legal, status,
        expected_version, actor_kind, actor, text, key,
        application_id, certificate_title, applicant_email, trigger_context, place
    )
),
this AS (
    SELECT base + pg_current_xact_id()::text::bigint AS transaction FROM certlife_feed
),
fresh AS (
    SELECT * FROM input
    WHERE key IS NULL OR NOT EXISTS (
        SELECT FROM certlife_idempotency used
        WHERE used.key = input.key AND used.institution = input.institution
    )
),
created AS (
    INSERT INTO certlife_application (
        uuid, institution, application_id, certificate_title, applicant_email, trigger_context,
        status, version, updated_at, transaction
    )
    SELECT
        uuid, institution, application_id, certificate_title, applicant_email, trigger_context,
        status, 1, at, transaction
    FROM fresh, this
    WHERE application_id IS NOT NULL
    ON CONFLICT (uuid) DO NOTHING
    RETURNING uuid
),
moved AS (
    UPDATE certlife_application head
    SET status = fresh.status,
        version = head.version + 1,
        updated_at = greatest(head.updated_at, fresh.at),
        transaction = this.transaction
    FROM fresh, this
    WHERE head.uuid = fresh.uuid
        AND fresh.application_id IS NULL
        AND head.institution = fresh.institution
        AND fresh.legal >> (head.status * 2 + (head.trigger_context = 2)::integer) & 1 = 1
        AND (fresh.expected_version IS NULL OR head.version = fresh.expected_version)
        AND (NOT fresh.at_is_given OR head.updated_at <= fresh.at)
        -- In the feed, this event must come after the one before; if it does not, the next transaction's
        -- will.
        AND head.transaction <= this.transaction
        -- What was edited by hand is not moved on.
        AND EXISTS (
            SELECT FROM certlife_event last
            WHERE last.uuid = head.uuid AND last.version = head.version
                AND last.kind = head.status AND last.at = head.updated_at
        )
        AND head.application_id BETWEEN 1 AND 9007199254740991
        AND head.applicant_email LIKE '_%@_%'
        AND length(head.certificate_title) BETWEEN 1 AND 510
    RETURNING
        head.uuid, head.version, head.updated_at, head.application_id,
        head.certificate_title, head.applicant_email, head.trigger_context,
        head.transaction, fresh.institution, fresh.status, fresh.actor_kind, fresh.actor,
        fresh.text, fresh.key, fresh.place
),
done AS (
    SELECT uuid, version, updated_at AS at, status, actor_kind, actor, text, institution, key,
        transaction, place
    FROM moved
    UNION ALL
    SELECT uuid, 1, at, status, actor_kind, actor, text, institution, key, transaction, place
    FROM fresh, this
    WHERE application_id IS NOT NULL
        -- So written, it is looked up in a hash table and not in a loop over all.
        AND CASE WHEN uuid IN (SELECT uuid FROM created) THEN true ELSE false END
),
recorded AS (
    INSERT INTO certlife_event (
        uuid, version, kind, at, actor_kind, actor, text, idempotency_key, transaction, place
    )
    SELECT
        uuid, version, status, at, actor_kind, actor, text, key, transaction,
        $16::integer + place::integer
    FROM done
),
keyed AS (
    INSERT INTO certlife_idempotency (key, institution, uuid, version)
    SELECT key, institution, uuid, version FROM done WHERE key IS NOT NULL
)
SELECT
    uuid, version, updated_at,
    application_id, certificate_title, applicant_email, trigger_context
FROM moved
UNION ALL
SELECT uuid, 1, NULL, NULL, NULL, NULL, NULL FROM created
