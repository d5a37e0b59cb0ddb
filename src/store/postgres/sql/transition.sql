-- Moves applications on where the command is legal: $5 is the set of (version, status, source) in which it
-- is, as made from the crate's rules; versions from 3 on are alike if both are odd or both are even. The
-- parameters are columns, a command each, in the order of the applications' identities: so every statement
-- takes its locks in one order, and then those of the keys in theirs. $11 is the place in the feed, within the
-- transaction. For one command, the parameters stand in place of the columns of `input` and `this`.
-- one
WITH
-- many
WITH input AS (
    SELECT *
    FROM unnest(
        $1::uuid[], $2::text[], $3::bigint[], $4::boolean[], $5::bigint[], $6::smallint[],
        $7::bigint[], $8::smallint[], $9::text[], $10::text[],
        $11::integer[], $12::bigint[]
        -- with keys
        , $13::text[]
        -- many
    ) AS input (
        uuid, institution, at, at_is_given, legal, status,
        expected_version, actor_kind, actor, text, place, now
        -- with keys
        , key
        -- many
    )
    -- with keys
    WHERE key IS NULL OR (
        -- So written, each key is looked up in the index, even if the table seemed to be small when this was
        -- planned.
        SELECT used.version FROM certlife_idempotency used
        WHERE used.key = input.key AND used.institution = input.institution
    ) IS NULL
    -- many
),
this AS MATERIALIZED (
    SELECT
        base & 4294967295 AS base, base + pg_current_xact_id()::text::bigint AS transaction
    FROM certlife_feed
),
-- always
moved AS (
    UPDATE certlife_application head
    SET status = input.status,
        version = head.version + 1,
        updated_at = greatest(head.updated_at, input.at),
        transaction = this.transaction
    -- one
    FROM certlife_feed this
    -- many
    FROM input, this
    -- always
    WHERE head.uuid = input.uuid
        AND head.institution = input.institution
        AND head.status BETWEEN 0 AND 5
        AND input.legal >> (
            12 * CASE WHEN head.version <= 2 THEN head.version - 1 ELSE 3 - head.version % 2 END
            + head.status * 2 + (head.trigger_context = 2)::integer
        )::integer & 1 = 1
        AND (input.expected_version IS NULL OR head.version = input.expected_version)
        AND (NOT input.at_is_given OR head.updated_at <= input.at)
        -- In the feed, this event must come after the one before; if it does not, the next
        -- transaction's will.
        AND head.transaction <= this.transaction
        AND CASE
            -- The row's version was written by the transaction of its last event: nobody has edited it.
            -- (PostgreSQL compares the 32 bits of its own id as an integer.)
            WHEN head.xmin = (
                (((head.transaction & 4294967295) - this.base + 2147483648) & 4294967295) - 2147483648
            )::integer THEN true
            -- one
            -- Asked again as one of many.
            ELSE false
            -- many
            -- What was edited by hand is not moved on before the crate has looked at it.
            ELSE head.seal = seal_of(head)
                AND EXISTS (
                    SELECT FROM certlife_event last
                    WHERE last.uuid = head.uuid AND last.version = head.version
                        AND last.kind = head.status AND last.at = head.updated_at
                        AND last.transaction = head.transaction
                        -- Only rejections and failures have a text.
                        AND (last.text IS NOT NULL) = (head.status IN (3, 4))
                )
            -- always
        END
    RETURNING
        head.uuid, head.version, head.updated_at, head.application_id,
        head.certificate_title, head.applicant_email, head.trigger_context,
        head.institution, head.status, head.transaction, head.number,
        input.actor_kind AS actor_kind, input.actor AS actor, input.text AS text,
        input.place AS place, input.now AS now
        -- with keys
        , input.key
        -- always
),
-- recorded keys
keyed AS (
    INSERT INTO certlife_idempotency (key, institution, uuid, version)
    SELECT key, institution, uuid, version FROM moved WHERE key IS NOT NULL
    ORDER BY key COLLATE "C", institution COLLATE "C"
),
-- always
recorded AS (
    INSERT INTO certlife_event (
        uuid, version, kind, at, actor_kind, actor, text, transaction, place
        -- with keys
        , idempotency_key
        -- always
    )
    SELECT
        uuid, version, status, updated_at, actor_kind, actor, text, transaction,
        place
        -- with keys
        , key
        -- always
    FROM moved
),
-- For every webhook that wants the event.
queued AS (
    INSERT INTO certlife_delivery (
        application, webhook, version, transaction, place, at, created_at, token, attempts, state
    )
    SELECT
        moved.number, webhook.id, version, transaction, place,
        now, now, 0, 0, 0
    FROM moved
    JOIN certlife_webhook webhook ON webhook.institution = moved.institution
        AND webhook.enabled AND webhook.kinds >> moved.status & 1 = 1
    -- many
    -- Where there is no webhook at all, nothing is looked up for each row.
    WHERE EXISTS (SELECT FROM certlife_webhook)
    -- always
)
SELECT
    uuid, version, updated_at,
    application_id, certificate_title, applicant_email, trigger_context
FROM moved
