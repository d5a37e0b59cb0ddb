-- What else a dispatcher has to know of leased deliveries. Without OFFSET 0, PostgreSQL may read all applications
-- of the institution to find the one of that number.
, c.number, c.webhook, c.token, c.attempts, c.created_at, c.version,
    c.transaction, current_setting('synchronous_standby_names') <> ''
FROM claimed c
JOIN certlife_webhook w ON w.id = c.webhook
LEFT JOIN certlife_event e ON e.transaction = c.transaction AND e.place = c.place
LEFT JOIN LATERAL (
    SELECT * FROM certlife_application a
    WHERE a.institution = w.institution AND a.number = c.application OFFSET 0
) a ON true
WHERE c.is_leased
