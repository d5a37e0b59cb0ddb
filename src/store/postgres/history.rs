//! The feed goes on behind its cursors, whatever becomes of the database.
//!
//! A place of the feed is made from the server's number of a transaction. A server counts anew, or gives numbers again
//! that were given before, where it was restored from a dump, where it was a standby that had not received all,
//! and where it was restored from a backup. `certlife_feed.base` is added to the numbers, and raised in all of these
//! cases (docs/decisions/0007-feed.md).

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use super::connections::Connections;
use super::failure::{Failure, not_read};
use super::server::Server;
use crate::store::StoreError;

/// How many places of the feed there are for each minute of the clock: more than a server has transactions in one. Where a
/// new history begins, how many were lost cannot be known, and two histories may even have one name, where a backup
/// was restored twice. So the base is raised to the minute that it is: any earlier history has lower places. It is a
/// multiple of 2^32, so that the 32 bits of the base that rows depend on stay the same.
const MINUTE: i64 = 1 << 36;

/// The last minute since 1970 that there are places for, in 2097. Should a clock say more, the base is raised by one.
const LAST_MINUTE: i64 = (1 << 26) - 1;

/// A row where the server's next transaction would stand before the feed's last event, or before one that was told: the
/// database was restored, and counts its transactions anew. Also where its history is not the one that the feed was
/// written in. An error where the index of the feed is missing, which is the last to be restored from a dump.
const IS_BEHIND: &str = "\
    SELECT history IS NULL FROM certlife_feed WHERE 'certlife_event_feed'::regclass IS NOT NULL \
    AND (history IS DISTINCT FROM coalesce($1, history) OR \
        greatest((SELECT max(transaction) FROM certlife_event), $2) \
            >= base + pg_snapshot_xmax(pg_current_snapshot())::text::bigint)";

/// The feed goes on where the dump or the other history ended. Whoever writes or reads the feed holds this lock: nobody
/// goes on with the base from before while it is raised. Of several who do this at once, one does.
fn rebase(history: Option<&str>, told: i64) -> String {
    let history = history.map_or_else(|| "f.history".to_owned(), |it| format!("'{it}'"));
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED; \
         LOCK TABLE certlife_feed IN ACCESS EXCLUSIVE MODE; \
         UPDATE certlife_feed SET \
             base = greatest(certlife_feed.base + gap, last + 1 - pg_current_xact_id()::text::bigint), \
             skipped = certlife_feed.skipped + gap, \
             history = new_history \
         FROM ( \
             SELECT {history} AS new_history, \
                 CASE WHEN f.history <> {history} THEN \
                     {MINUTE} * greatest(1, least({LAST_MINUTE}, \
                         floor(extract(epoch FROM clock_timestamp()) / 60)::bigint) - f.base / {MINUTE}) \
                 ELSE 0 END AS gap, \
                 greatest((SELECT max(transaction) FROM certlife_event), {told}) AS last \
             FROM certlife_feed f \
         ) raised; \
         COMMIT"
    )
}

/// Whether what is written next would stand before the last event of the feed.
pub(super) async fn is_behind(readers: &Connections) -> Result<bool, StoreError> {
    let client = readers.get().await.map_err(Failure::into_error)?;
    let history = client.server().history.map(|it| it.to_string());
    let behind = ask(&client, history.as_deref(), 0).await;
    Ok(behind.map_err(not_read)?.is_some())
}

/// Whether the base is to be raised, and then whether the feed has no history yet.
async fn ask(
    client: &Client,
    history: Option<&str>,
    told: i64,
) -> Result<Option<bool>, tokio_postgres::Error> {
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&history, Type::TEXT), (&told, Type::INT8)];
    let row = client.query_typed_opt(IS_BEHIND, &parameters).await?;
    row.map(|row| row.try_get(0)).transpose()
}

/// Sees to it that what this connection writes stands behind the last event of the feed. Every connection
/// that writes begins with it: behind a connection that was lost may be another database.
pub(super) async fn catch_up(
    client: &Client,
    server: &Server,
    told: i64,
) -> Result<(), tokio_postgres::Error> {
    let history = server.history.map(|it| it.to_string());
    let Some(is_new) = ask(client, history.as_deref(), told).await? else {
        return Ok(());
    };
    match client
        .batch_execute(&rebase(history.as_deref(), told))
        .await
    {
        // To write down the first history is left to a role that may.
        Err(error) if is_new && error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            client.batch_execute("ROLLBACK").await?;
            match ask(client, None, told).await? {
                None => Ok(()),
                Some(_) => Err(error),
            }
        }
        done => done,
    }
}
