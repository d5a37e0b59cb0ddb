WHERE key IS NULL OR (
    -- So written, each key is looked up in the index, even if the table seemed to be small when
    -- this was planned.
    SELECT used.version FROM certlife_idempotency used
    WHERE used.key = input.key AND used.institution = input.institution
) IS NULL
