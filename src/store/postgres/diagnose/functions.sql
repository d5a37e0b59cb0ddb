-- The functions that a store calls and that a server can withhold: which of them the role may not
-- call.
SELECT coalesce(json_agg(name ORDER BY name), '[]')::text
FROM unnest(ARRAY[
    'pg_control_system', 'pg_current_wal_lsn', 'pg_logical_emit_message', 'pg_walfile_name'
]) name
WHERE NOT EXISTS (
    SELECT FROM pg_proc
    WHERE proname = name AND pronamespace = 'pg_catalog'::regnamespace
        AND has_function_privilege(oid, 'EXECUTE')
)
