-- How a standby receives. A role without pg_monitor sees that there is a receiver, and no more.
SELECT json_build_object(
    'is_connected', EXISTS (SELECT FROM pg_stat_wal_receiver),
    'status', (SELECT status FROM pg_stat_wal_receiver),
    'timeline', (SELECT received_tli FROM pg_stat_wal_receiver),
    'unapplied_bytes',
        greatest(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), 0)::bigint,
    'unapplied_ms', CASE WHEN pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn() THEN 0
        ELSE (extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000)
    END::bigint
)::text
