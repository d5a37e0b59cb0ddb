-- What the role may not do, for each use: the list of docs/stores.md.
WITH own (use, "right", "table") AS (
    SELECT 'read', 'SELECT', name
    FROM unnest(ARRAY[
        'certlife_schema', 'certlife_application', 'certlife_event', 'certlife_idempotency',
        'certlife_feed', 'certlife_webhook', 'certlife_delivery', 'certlife_attempt',
        'certlife_work'
    ]) name
    UNION ALL
    SELECT 'deliver', 'SELECT', name
    FROM unnest(ARRAY[
        'certlife_schema', 'certlife_application', 'certlife_event', 'certlife_feed',
        'certlife_webhook', 'certlife_delivery', 'certlife_attempt'
    ]) name
    UNION ALL
    VALUES
        ('write', 'SELECT', 'certlife_schema'),
        ('write', 'SELECT', 'certlife_application'),
        ('write', 'SELECT', 'certlife_event'),
        ('write', 'SELECT', 'certlife_idempotency'),
        ('write', 'SELECT', 'certlife_feed'),
        ('write', 'SELECT', 'certlife_delivery'),
        ('write', 'INSERT', 'certlife_application'),
        ('write', 'INSERT', 'certlife_event'),
        ('write', 'INSERT', 'certlife_idempotency'),
        ('write', 'INSERT', 'certlife_delivery'),
        ('write', 'UPDATE', 'certlife_application'),
        ('failover', 'SELECT', 'certlife_feed'),
        ('failover', 'UPDATE', 'certlife_feed'),
        ('deliver', 'INSERT', 'certlife_attempt'),
        ('deliver', 'UPDATE', 'certlife_webhook'),
        ('deliver', 'UPDATE', 'certlife_delivery'),
        ('process', 'SELECT', 'certlife_work'),
        ('process', 'INSERT', 'certlife_work'),
        ('process', 'UPDATE', 'certlife_work'),
        ('process', 'DELETE', 'certlife_work'),
        ('process', 'SELECT', 'certlife_work_seen'),
        ('process', 'UPDATE', 'certlife_work_seen'),
        ('tokens', 'SELECT', 'certlife_token'),
        ('tokens', 'INSERT', 'certlife_token'),
        ('tokens', 'UPDATE', 'certlife_token'),
        ('tokens', 'DELETE', 'certlife_token'),
        ('replies', 'SELECT', 'certlife_reply'),
        ('replies', 'INSERT', 'certlife_reply'),
        ('replies', 'UPDATE', 'certlife_reply'),
        ('replies', 'DELETE', 'certlife_reply'),
        ('acts', 'SELECT', 'certlife_act'),
        ('acts', 'INSERT', 'certlife_act'),
        ('acts', 'UPDATE', 'certlife_act'),
        ('acts', 'DELETE', 'certlife_act'),
        ('webhooks', 'SELECT', 'certlife_webhook'),
        ('webhooks', 'INSERT', 'certlife_webhook'),
        ('webhooks', 'UPDATE', 'certlife_webhook'),
        ('webhooks', 'DELETE', 'certlife_webhook'),
        ('webhooks', 'DELETE', 'certlife_delivery'),
        ('webhooks', 'DELETE', 'certlife_attempt')
),
needed (use, "right", "table") AS (
    SELECT use, "right", "table" FROM own
    UNION ALL
    -- Work ends with a command.
    SELECT 'process', "right", "table" FROM own WHERE use = 'write'
),
missing (use, what) AS (
    SELECT use, "right" || ' ON ' || "table"
    FROM needed
    WHERE NOT has_table_privilege(
        (quote_ident(current_schema()) || '.' || "table")::regclass, "right"
    )
    UNION ALL
    -- Commands find the webhooks that want their events: of these, some columns are enough.
    SELECT use, 'SELECT (' || name || ') ON certlife_webhook'
    FROM unnest(ARRAY['write', 'process']) use, unnest(ARRAY['id', 'institution', 'kinds', 'enabled']) name
    WHERE NOT has_column_privilege(
        (quote_ident(current_schema()) || '.certlife_webhook')::regclass, name, 'SELECT'
    )
    UNION ALL
    SELECT 'migrate', 'CREATE ON SCHEMA ' || quote_ident(current_schema())
    WHERE NOT has_schema_privilege(current_schema(), 'CREATE')
    UNION ALL
    SELECT 'migrate', 'owner of ' || relname
    FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
        AND relname IN (SELECT "table" FROM needed) AND NOT pg_has_role(relowner, 'USAGE')
)
SELECT coalesce(json_object_agg(use, whats), '{}')::text
FROM (SELECT use, json_agg(what ORDER BY what) AS whats FROM missing GROUP BY use) uses
