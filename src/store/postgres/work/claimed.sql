, l.uuid, l.institution, l.token, l.attempts, l.since, l.transaction,
    current_setting('synchronous_standby_names') <> ''
FROM leased l
LEFT JOIN certlife_application a ON a.uuid = l.uuid
LEFT JOIN certlife_event e ON e.uuid = a.uuid AND e.version = a.version
