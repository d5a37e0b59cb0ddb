-- Moves applications on where the command is legal. `legal` is the set of (version, status, source)
-- in which it is, as made from the crate's rules; versions from 3 on are alike if both are odd or
-- both are even. The input has a row for each command, in the order of the applications'
-- identities: so every statement takes its locks in one order, and then those of the keys in
-- theirs. The place is that in the feed, within the transaction.
WITH input AS (
    {input}
    {unused_keys}
),
this AS {materialized} (
    SELECT
        base & 4294967295 AS base, base + pg_current_xact_id()::text::bigint AS transaction,
        {last_place} AS last_place
    FROM certlife_feed
    {guard}
),
carried_out AS (
    UPDATE certlife_application head
    SET status = input.status,
        version = head.version + 1,
        updated_at = greatest(head.updated_at, input.at),
        transaction = this.transaction
    FROM input, this
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
            -- The transaction of the last event wrote the row's version: the row was not edited.
            -- (PostgreSQL compares the 32 bits of its own id as an integer.)
            WHEN head.xmin = (
                (((head.transaction & 4294967295) - this.base + 2147483648) & 4294967295)
                - 2147483648
            )::integer THEN true
            ELSE {is_sound}
        END
    RETURNING
        head.uuid, head.version, head.updated_at, head.application_id,
        head.certificate_title, head.applicant_email, head.trigger_context,
        head.institution, head.status, head.transaction, head.number,
        input.actor_kind, input.actor, input.text, input.place, input.now, input.key,
        this.last_place
),
{records}
SELECT
    uuid, transaction, version, updated_at,
    application_id, certificate_title, applicant_email, trigger_context{behind}
FROM carried_out
