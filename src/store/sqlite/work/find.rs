//! What has come into progress is found in the feed, in pages; how far it was looked at, a table of
//! one row says.

use rusqlite::{Connection, OptionalExtension, params};

use crate::store::cells::{Cells, in_cells};
use crate::store::sqlite::change::Outcome;
use crate::store::sqlite::failure::unavailable;
use crate::store::{Result, StoreError};

/// How many events are looked at, at most, by one question what is due.
const LOOKS: i64 = 4096;

/// Only what is in progress at this event, which is its application's last. A claim on an earlier
/// one is over: its token is never given out again, also where its row is gone, because the version
/// is the upper half of the token.
const FIND: &str = concat!(
    "INSERT INTO certlife_work \
     (application, institution, event, version, since, state, at, token, attempts) \
     SELECT h.application, h.institution, e.seq, h.version, e.at, 0, 0, \
     min(h.version, 2147483647) << 32, 0 \
     FROM certlife_event e CROSS JOIN certlife_head h ON h.application = e.application \
     WHERE e.seq > ?1 AND e.seq <= ?2 AND h.event = e.seq AND ",
    in_cells!("h", "?3"),
    " ON CONFLICT (application) DO UPDATE SET institution = excluded.institution, \
     event = excluded.event, version = excluded.version, since = excluded.since, state = 0, at = 0, \
     token = excluded.token, attempts = 0, reason = NULL \
     WHERE excluded.event > certlife_work.event"
);

/// How many events were not looked at yet, or as many as one look takes.
pub(super) fn behind(connection: &Connection) -> Result<usize> {
    let behind = connection
        .prepare_cached(
            "SELECT (SELECT event FROM certlife_work_seen), (SELECT max(seq) FROM certlife_event)",
        )
        .and_then(|mut it| {
            it.query_row([], |row| {
                Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?))
            })
        });
    let (seen, last) = behind.map_err(unavailable)?;
    let seen = seen.ok_or_else(row_is_missing)?;
    let behind = last.unwrap_or(seen).saturating_sub(seen).clamp(0, LOOKS);
    Ok(usize::try_from(behind).unwrap_or_default())
}

/// Looks at the next events; says whether there are more.
pub(super) fn find(connection: &Connection) -> Outcome<bool> {
    let prepare = |sql| connection.prepare_cached(sql);
    let seen = prepare("SELECT event FROM certlife_work_seen")?
        .query_row([], |row| row.get::<_, i64>(0))
        .optional()?;
    let Some(seen) = seen else {
        return Ok(Err(row_is_missing()));
    };
    let page = prepare(
        "SELECT max(seq) FROM (SELECT seq FROM certlife_event WHERE seq > ?1 ORDER BY seq LIMIT ?2)",
    )?
    .query_row([seen, LOOKS], |row| row.get::<_, Option<i64>>(0))?;
    // Another may have looked meanwhile.
    let Some(end) = page else {
        return Ok(Ok(false));
    };
    prepare(FIND)?.execute(params![seen, end, Cells::in_progress().bits()])?;
    prepare("UPDATE certlife_work_seen SET event = ?1")?.execute([end])?;
    prepare("SELECT EXISTS (SELECT 1 FROM certlife_event WHERE seq > ?1)")?
        .query_row([end], |row| row.get(0))
        .map(Ok)
}

fn row_is_missing() -> StoreError {
    StoreError::corrupt("table certlife_work_seen", "its row is missing")
}
