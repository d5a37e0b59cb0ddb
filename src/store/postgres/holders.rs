//! Who keeps locked what a command waits for.

use tokio_postgres::Client;

use super::failure::Failure;
use super::sql::statements;
use crate::store::StoreError;

statements! {
    /// Whether of all sessions that may hold a lock on a row, each is of a store with this one's
    /// `application_name`, which is the same for all unless their URLs say otherwise; and whether
    /// one of these waits for the synchronous standby.
    HOLDERS() = "\
        SELECT coalesce(bool_and(a.application_name IS NOT DISTINCT FROM \
                current_setting('application_name')), true), \
            coalesce(bool_or(a.wait_event = 'SyncRep'), false) \
        FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid \
        WHERE l.relation IN ('certlife_application'::regclass, 'certlife_idempotency'::regclass) \
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
            AND l.granted AND l.mode <> 'AccessShareLock'";
}

/// Who holds what was waited for in vain.
pub(super) enum Holders {
    /// Other stores' commands. They come to an end by themselves.
    Rivals,
    /// The same, of which one waits for the synchronous standby: perhaps until a person sees to
    /// that.
    WaitForStandby,
    /// Another program, which may wait for a person.
    Others,
}

impl Holders {
    pub(super) async fn ask(client: &Client) -> Result<Self, Failure> {
        let row = client.query_one(HOLDERS, &[]).await?;
        Ok(match (row.try_get(0)?, row.try_get(1)?) {
            (true, true) => Self::WaitForStandby,
            (true, false) => Self::Rivals,
            (false, _) => Self::Others,
        })
    }
}

/// What a command hears that waits for another, which waits for the standby.
pub(super) fn held(error: &StoreError) -> StoreError {
    StoreError::unavailable(format!(
        "another command keeps the row or the key, while it waits for the synchronous standby ({error})"
    ))
}
