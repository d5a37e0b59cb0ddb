//! The feed goes on behind its cursors, whatever becomes of the database.
//!
//! A place of the feed is made from the server's number of a transaction. A server counts anew, or
//! gives numbers again that were given before, where it was restored from a dump, where it was a
//! standby that had not received all, and where it was restored from a backup. `certlife_feed.base`
//! is added to the numbers, and raised in all of these cases (docs/decisions/0007-feed.md).

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};

use super::failure::not_read;
use super::server::{History, Server};
use super::sql::statements;
use crate::store::Result;

// How many were lost where a new history begins cannot be known, and two histories may even have
// one name, where a backup was restored twice. So the base is raised to the minute of the clock, of
// which each has 2^36 places: more than a server has transactions in a minute, and so any earlier
// history has lower ones. That is a multiple of 2^32, so that the 32 bits of the base that rows
// depend on stay the same. There are places until 2097; should a clock say more, the base is raised
// by a minute.

statements! {
    /// Whether the feed was written under another history than this one, or under none that is
    /// known.
    OF_ANOTHER(TEXT) = "SELECT FROM certlife_feed WHERE history IS DISTINCT FROM $1";

    /// Whether the feed was written under no history that is known.
    OF_NONE() = "SELECT FROM certlife_feed WHERE history IS NULL";

    /// A row where the server's next transaction would stand before the feed's last event, or
    /// before one that was returned: the database was restored, and counts its transactions anew.
    /// An error where the index of the feed is missing, which is the last to be restored from a
    /// dump.
    IS_BEHIND(INT8) = "\
        SELECT FROM certlife_feed WHERE 'certlife_event_feed'::regclass IS NOT NULL \
        AND greatest((SELECT max(transaction) FROM certlife_event), $1) \
            >= base + pg_snapshot_xmax(pg_current_snapshot())::text::bigint";
}

/// A raise need not wait for the standby: what is written after it does, and comes after it in the
/// log.
const UNREPLICATED: &str = "SET LOCAL synchronous_commit = local";

/// A new history begins. A writer under it has looked before, so none has the base from
/// before: the lock of the row is enough. Of several who do this at once, one does.
fn begin(history: History) -> String {
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED; {UNREPLICATED}; \
         UPDATE certlife_feed SET \
             base = CASE WHEN history IS NULL THEN base ELSE base + {GAP} END, \
             skipped = CASE WHEN history IS NULL THEN skipped ELSE skipped + {GAP} END, \
             history = '{history}' \
         WHERE history IS DISTINCT FROM '{history}'; \
         COMMIT"
    )
}

/// From the base to the minute of the clock, and by one minute at least.
const GAP: &str = "\
    (1::bigint << 36) * greatest(1, least((1::bigint << 26) - 1, \
        floor(extract(epoch FROM clock_timestamp()) / 60)::bigint) - (base >> 36))";

/// The feed goes on where the dump ended. A session that writes or reads the feed holds this lock:
/// none goes on with the base from before while it is raised. Of several who do this at once, one
/// does.
fn rebase(returned: i64) -> String {
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED; {UNREPLICATED}; \
         LOCK TABLE certlife_feed IN ACCESS EXCLUSIVE MODE; \
         UPDATE certlife_feed SET base = last.transaction + 1 - pg_current_xact_id()::text::bigint \
         FROM (SELECT greatest((SELECT max(transaction) FROM certlife_event), {returned}) AS transaction) last \
         WHERE last.transaction >= base + pg_current_xact_id()::text::bigint; \
         COMMIT"
    )
}

/// Whether what is written next would stand before the last event of the feed.
pub(super) async fn is_behind(client: &Client) -> Result<bool> {
    ask(client, 0).await.map_err(not_read)
}

async fn ask(client: &Client, returned: i64) -> Result<bool, tokio_postgres::Error> {
    let parameters: [(&(dyn ToSql + Sync), Type); 1] = [(&returned, Type::INT8)];
    let row = client.query_typed_opt(IS_BEHIND, &parameters).await?;
    Ok(row.is_some())
}

/// Sees to it that what this connection writes stands behind the last event of the feed. Every
/// connection that writes begins with it: behind a connection that was lost may be another
/// database.
pub(super) async fn catch_up(
    client: &Client,
    server: &Server,
    returned: i64,
) -> Result<(), tokio_postgres::Error> {
    if let Some(history) = server.history {
        let text = history.to_string();
        let parameters: [(&(dyn ToSql + Sync), Type); 1] = [(&text, Type::TEXT)];
        let other = client.query_typed_opt(OF_ANOTHER, &parameters).await?;
        if other.is_some() {
            begin_with(client, history).await?;
        }
    }
    if ask(client, returned).await? {
        client.batch_execute(&rebase(returned)).await?;
    }
    Ok(())
}

async fn begin_with(client: &Client, history: History) -> Result<(), tokio_postgres::Error> {
    let begun = client.batch_execute(&begin(history)).await;
    let Err(error) = begun else { return Ok(()) };
    if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
        client.batch_execute("ROLLBACK").await?;
        // To write down the first history is left to a role that may.
        if client.query_typed_opt(OF_NONE, &[]).await?.is_some() {
            return Ok(());
        }
    }
    Err(error)
}
