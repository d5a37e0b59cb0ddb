keyed AS (
    INSERT INTO certlife_idempotency (key, institution, uuid, version)
    SELECT key, institution, uuid, version FROM carried_out WHERE key IS NOT NULL
    ORDER BY key COLLATE "C", institution COLLATE "C"
),
