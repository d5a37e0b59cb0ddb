//! What is forgotten, in batches so small that none waits long.
//! States in SQL: 0 new, 1 later, 2 delivered, 3 dead (`State`).

use chrono::{DateTime, Utc};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::milliseconds;
use crate::store::Result;
use crate::store::outbox::KEPT_WITHIN;
use crate::store::postgres::{PostgresStore, failure::failed, sql::statements};

/// How many deliveries of a webhook that was removed are deleted at once.
const BATCH: i64 = 500;

statements! {
    ATTEMPTS(INT8, INT8) = "\
        DELETE FROM certlife_attempt WHERE ctid = ANY (ARRAY( \
            SELECT ctid FROM certlife_attempt WHERE at < $1 ORDER BY at LIMIT $2 \
        )) AND at < $1 RETURNING 1";

    /// Those in the rows of deliveries that stay, since they were delivered later.
    KEPT(INT8, INT8, INT8) = "\
        UPDATE certlife_delivery SET sent_at = NULL, milliseconds = NULL, status = NULL \
        WHERE number = ANY (ARRAY( \
            SELECT d.number FROM certlife_webhook w CROSS JOIN LATERAL ( \
                SELECT number FROM certlife_delivery \
                WHERE webhook = w.id AND state = 2 AND at BETWEEN $1 AND $1 + $3 AND sent_at < $1 \
                ORDER BY at LIMIT $2 \
            ) d LIMIT $2 \
        )) AND CASE WHEN state = 2 THEN sent_at < $1 END RETURNING 1";

    /// Of all webhooks, so that the index leads to them. So written, the rows are then found by
    /// their numbers, and not in an index that seemed to be empty when this was planned.
    DELIVERED(INT8, INT8) = "\
        WITH gone AS ( \
            DELETE FROM certlife_delivery WHERE number = ANY (ARRAY( \
                SELECT d.number FROM certlife_webhook w CROSS JOIN LATERAL ( \
                    SELECT number FROM certlife_delivery \
                    WHERE webhook = w.id AND state = 2 AND at < $1 ORDER BY at LIMIT $2 \
                ) d LIMIT $2 \
            )) AND CASE WHEN state = 2 THEN at < $1 END RETURNING number, sent_at < $1 AS attempted \
        ), \
        attempted AS (DELETE FROM certlife_attempt a USING gone WHERE a.delivery = gone.number) \
        SELECT coalesce(attempted, false) FROM gone";

    /// Webhooks whose removal was cut off, and those for which a transaction that had begun before
    /// they were removed has recorded something afterwards. The latter is new.
    LEFT() = "\
        WITH RECURSIVE queued (webhook) AS ( \
            (SELECT webhook FROM certlife_delivery WHERE state = 0 ORDER BY webhook LIMIT 1) \
            UNION ALL \
            SELECT ( \
                SELECT d.webhook FROM certlife_delivery d \
                WHERE d.state = 0 AND d.webhook > q.webhook ORDER BY d.webhook LIMIT 1 \
            ) FROM queued q WHERE q.webhook IS NOT NULL \
        ) \
        SELECT q.webhook FROM queued q WHERE q.webhook IS NOT NULL \
            AND NOT EXISTS (SELECT FROM certlife_webhook w WHERE w.id = q.webhook) \
        UNION ALL SELECT id FROM certlife_webhook WHERE removed";

    DELIVERIES(UUID, INT8) = include_str!("removal.sql");
    WEBHOOK(UUID) = "DELETE FROM certlife_webhook WHERE id = $1 AND removed";
}

pub(super) async fn prune(store: &PostgresStore, before: DateTime<Utc>, limit: u32) -> Result<u64> {
    let parameters: [&(dyn ToSql + Sync); 2] = [&milliseconds(before), &i64::from(limit)];
    let mut attempts = store.change(ATTEMPTS, &parameters).await?.len();
    let [before, most] = parameters;
    attempts += store
        .change(KEPT, &[before, most, &KEPT_WITHIN])
        .await?
        .len();
    let delivered = store.change(DELIVERED, &parameters).await?;
    for row in &delivered {
        attempts += usize::from(row.try_get::<_, bool>(0).map_err(failed)?);
    }
    let pruned = attempts.min(usize::try_from(limit).unwrap_or(usize::MAX)) + delivered.len();
    for row in store.change(LEFT, &[]).await? {
        remove_some(store, row.try_get(0).map_err(failed)?).await?;
    }
    Ok(u64::try_from(pruned).unwrap_or_default())
}

/// Deletes some of what belongs to a webhook that was removed, and then the webhook itself; how
/// many deliveries were deleted.
pub(super) async fn remove_some(store: &PostgresStore, id: Uuid) -> Result<i64> {
    let rows = store.change(DELIVERIES, &[&id, &BATCH]).await?;
    let gone = match rows.first() {
        Some(row) => row.try_get(0).map_err(failed)?,
        None => 0,
    };
    if gone == 0 {
        store.change(WEBHOOK, &[&id]).await?;
    }
    Ok(gone)
}
