-- What every role may know of a server.
SELECT json_build_object(
    'server_version', split_part(current_setting('server_version'), ' ', 1),
    'now_ms', (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
    'user', current_user::text,
    'sees_statistics', pg_has_role('pg_read_all_stats', 'USAGE'),
    'used', coalesce((SELECT sum(numbackends) FROM pg_stat_database), 0)::bigint,
    'limit', current_setting('max_connections')::bigint,
    'settings', (
        SELECT json_object_agg(name, current_setting(name))
        FROM pg_settings
        WHERE name IN (
            'autovacuum', 'default_transaction_read_only', 'fsync', 'full_page_writes',
            'idle_in_transaction_session_timeout', 'max_connections', 'max_prepared_transactions',
            'max_slot_wal_keep_size', 'synchronous_commit', 'synchronous_standby_names',
            'tcp_keepalives_idle', 'tcp_user_timeout', 'wal_receiver_timeout', 'wal_sender_timeout'
        )
    )
)::text
