-- What waits for a primary, and what it waits for. Of sessions of other roles, a role without
-- pg_monitor sees little: their transactions are none, and their standbys have no state.
SELECT json_build_object(
    'waiting', (SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'),
    'longest_wait_ms', (
        SELECT (extract(epoch FROM max(clock_timestamp() - state_change)) * 1000)::bigint
        FROM pg_stat_activity WHERE wait_event = 'SyncRep'
    ),
    'senders', (SELECT count(*) FROM pg_stat_replication),
    'standbys', (
        SELECT coalesce(json_agg(json_build_object(
            'name', application_name,
            'state', state,
            'sync_state', sync_state,
            'lag_bytes', pg_wal_lsn_diff(pg_current_wal_flush_lsn(), flush_lsn)::bigint,
            'lag_ms', (extract(epoch FROM flush_lag) * 1000)::bigint
        ) ORDER BY application_name, pid), '[]')
        FROM pg_stat_replication WHERE application_name IS NOT NULL
    ),
    'slots', (
        SELECT coalesce(json_agg(json_build_object(
            'name', slot_name,
            'is_active', active,
            'kept_bytes', pg_wal_lsn_diff(pg_current_wal_flush_lsn(), restart_lsn)::bigint
        ) ORDER BY slot_name), '[]')
        FROM pg_replication_slots WHERE NOT temporary
    ),
    'feed_held_by', (
        SELECT coalesce(json_agg(json_build_object(
            'kind', kind,
            'pid', pid,
            'name', name,
            'database', database,
            'since', to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
            'open_ms', (extract(epoch FROM clock_timestamp() - since) * 1000)::bigint,
            'waits_for_standby', waits_for_standby
        ) ORDER BY age DESC), '[]')
        FROM (
            SELECT 'session' AS kind, pid, application_name AS name, datname::text AS database,
                xact_start AS since, age(backend_xid) AS age,
                coalesce(wait_event = 'SyncRep', false) AS waits_for_standby
            FROM pg_stat_activity
            WHERE backend_xid IS NOT NULL AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
            UNION ALL
            SELECT 'prepared', NULL, gid, database::text, prepared, age(transaction), false
            FROM pg_prepared_xacts
            ORDER BY age DESC
            LIMIT 3
        ) oldest
    )
)::text
