//! Questions to the database.

use std::collections::HashMap;

use super::session::{Cached, Session};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::failure::{Failure, failed, not_understood};
use super::link::{Link, Parameter};
use super::row::{Joined, columns};
use super::sql::{input, statements};
use super::statement::seal_of;
use crate::lifecycle::any::AnyApplication;
use crate::store::decide::Found;
use crate::store::remembered::{Refused, UsedKey};
use crate::store::stored::{Columns, Problem, check_order, up_to_corrupt};
use crate::store::{
    Append, Cursor, IdempotencyKey, InstitutionId, RecordedEvent, Result, StoreError,
};

/// Applications with their last event.
macro_rules! applications {
    ($condition:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM certlife_application a LEFT JOIN certlife_event e \
             ON e.uuid = a.uuid AND e.version = a.version WHERE ",
            $condition
        )
    };
}

/// Events with their applications.
macro_rules! events {
    ($condition:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            ", current_setting('synchronous_standby_names') <> '' FROM certlife_event e LEFT JOIN certlife_application a ON a.uuid = e.uuid WHERE ",
            $condition
        )
    };
}

/// Events that nothing can be committed before any more. Behind a transaction that is under way,
/// nothing is returned: its events would come too late (docs/decisions/0007-feed.md).
macro_rules! settled {
    () => {
        "e.transaction < (SELECT base FROM certlife_feed) \
         + pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
    };
}
pub(super) use settled;

input! {
    /// Keys and their institutions.
    Keys<'a> {
        key: &'a str = TEXT,
        institution: &'a str = TEXT,
    }
}

statements! {
    LOAD(UUID, TEXT) = applications!("a.uuid = $1 AND a.institution = $2");

    HISTORY(UUID, TEXT) = concat!(
        "SELECT ",
        columns!(),
        " FROM certlife_application a LEFT JOIN certlife_event e ON e.uuid = a.uuid \
         WHERE a.uuid = $1 AND a.institution = $2 ORDER BY e.version"
    );

    FEED(INT8, INT4, INT8) = concat!(
        events!("(e.transaction, e.place) > ($1, $2) AND "),
        settled!(),
        " ORDER BY e.transaction, e.place LIMIT $3"
    );

    FEED_END() = concat!(
        events!(""),
        settled!(),
        " ORDER BY e.transaction DESC, e.place DESC LIMIT 1"
    );

    NEXT() = "SELECT base + pg_snapshot_xmax(pg_current_snapshot())::text::bigint, \
                  pg_is_in_recovery() FROM certlife_feed LIMIT 2";
    BASE() = "SELECT base FROM certlife_feed LIMIT 2";

    SEE(UUID_ARRAY) = concat!(
        "SELECT ",
        columns!(),
        ", nullif(",
        seal_of!("a"),
        ", a.seal), a.transaction IS NOT DISTINCT FROM e.transaction \
         FROM certlife_application a \
         LEFT JOIN certlife_event e ON e.uuid = a.uuid AND e.version = a.version \
         WHERE a.uuid = ANY($1)"
    );

    SEE_KEYS(; Keys) = concat!(
        "SELECT ",
        columns!(),
        ", k.key, k.institution, k.refused FROM {input} \
         JOIN certlife_idempotency k ON k.key = input.key AND k.institution = input.institution \
         LEFT JOIN certlife_event e ON e.uuid = k.uuid AND e.version = k.version \
         LEFT JOIN certlife_application a ON a.uuid = k.uuid"
    );

    SEAL(UUID, UUID) = concat!(
        "UPDATE certlife_application a SET seal = $2 WHERE a.uuid = $1 AND $2 = ",
        seal_of!("a")
    );
}

/// Reads a row with its checks; what is wrong is reported with the row's key.
pub(super) fn read<'r, R: Columns, T>(
    row: &'r R,
    read: impl FnOnce(&Joined<'r, R>) -> Result<T, Problem>,
) -> Result<T> {
    let joined = Joined(row);
    read(&joined).map_err(|problem| StoreError::corrupt(joined.key(), problem))
}

pub(super) async fn query(
    client: &Session,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>> {
    client.rows(sql, parameters).await.map_err(failed)
}

pub(super) async fn load(
    client: &Session,
    institution: &InstitutionId,
    uuid: Uuid,
) -> Result<Option<AnyApplication>> {
    let rows = query(client, LOAD, &[&uuid, &institution.as_str()]).await?;
    rows.first()
        .map(|row| read(row, |it| Ok(it.last_event()?.application())))
        .transpose()
}

pub(super) async fn history(
    client: &Session,
    institution: &InstitutionId,
    uuid: Uuid,
) -> Result<Vec<RecordedEvent>> {
    let rows = query(client, HISTORY, &[&uuid, &institution.as_str()]).await?;
    let mut history: Vec<RecordedEvent> = Vec::with_capacity(rows.len());
    for row in &rows {
        let recorded = read(row, |joined| {
            let recorded = joined.recorded()?;
            let expected = history.len() as u64 + 1;
            if recorded.event.version() != expected {
                return Err(format!("its event at version {expected} is missing"));
            }
            if let Some(earlier) = history.last() {
                check_order(&earlier.event, &recorded.event)?;
            }
            Ok(recorded)
        })?;
        history.push(recorded);
    }
    if let Some(last) = rows.last() {
        // The last row has the last event, which must be what the application says.
        read(last, Joined::last_event)?;
    }
    Ok(history)
}

/// A page of the feed, and whether it has to wait until the synchronous standby has it, before it
/// is reported.
pub(super) async fn feed(
    client: &Session,
    after: Cursor,
    count: u32,
) -> Result<(Vec<RecordedEvent>, bool)> {
    let transaction = i64::try_from(after.transaction()).unwrap_or(i64::MAX);
    let place = i32::try_from(after.index()).unwrap_or(i32::MAX);
    let rows = query(client, FEED, &[&transaction, &place, &i64::from(count)]).await?;
    if rows.is_empty() && count > 0 {
        let next = next_transaction(client).await;
        let next = next.map_err(|failure| failure.without_effect().into_error())?;
        if next.is_some_and(|next| transaction >= next) {
            let end = feed_end(client).await?;
            return Err(StoreError::CursorBeyondEnd { cursor: after, end });
        }
    }
    let page = up_to_corrupt(rows.iter().map(|row| read(row, Joined::recorded)))?;
    let is_synchronous = rows
        .first()
        .is_some_and(|it| it.try_get(20).unwrap_or(true));
    Ok((page, is_synchronous))
}

/// The last event that the feed tells of: what is not committed yet belongs to a transaction that
/// is not settled, and comes behind it.
pub(super) async fn feed_end(client: &Session) -> Result<Cursor> {
    let rows = query(client, FEED_END, &[]).await?;
    let last = rows.first().map(|row| read(row, Joined::cursor));
    Ok(last.transpose()?.unwrap_or(Cursor::START))
}

/// The place of the feed that the next transaction will have, or a later one; none on a standby,
/// which may lag behind cursors that the primary has given. With the checks of the base.
async fn next_transaction(client: &Session) -> Result<Option<i64>, Failure> {
    let rows = client.query_typed(NEXT, &[]).await?;
    let [row] = rows.as_slice() else {
        check_base(client).await?;
        return Ok(None);
    };
    let is_standby: bool = row.try_get(1)?;
    Ok((!is_standby).then_some(row.try_get(0)?))
}

/// That there is one base, without which nothing is written and nothing is read. Only asked where
/// that is so.
pub(super) async fn check_base(link: &impl Link) -> Result<(), Failure> {
    let rows = link.send(BASE, &[]).await?;
    if rows.len() == 1 {
        return Ok(());
    }
    let problem = if rows.is_empty() {
        "its row is missing"
    } else {
        "it has more than one row"
    };
    Err(Failure::Undone(StoreError::corrupt(
        "table certlife_feed",
        problem,
    )))
}

/// An application as it was seen.
struct SeenApplication {
    institution: String,
    /// What is wrong with it is nothing to other institutions.
    state: Result<AnyApplication>,
    /// The digest of what was seen, where the stored one does not fit.
    unsealed: Option<Uuid>,
}

/// By institution and key.
type SeenKeys = HashMap<(String, String), Result<UsedKey>>;

/// What is recorded about commands that did not go through, for the crate to decide why.
pub(super) struct Seen {
    applications: HashMap<Uuid, SeenApplication>,
    /// What the keys were used for.
    keys: SeenKeys,
}

impl Seen {
    /// The application that the command names.
    pub(super) fn find(&self, append: &Append) -> Result<Found> {
        let request = &append.request;
        let Some(seen) = self.applications.get(&append.uuid()) else {
            return Ok(Found::Nothing);
        };
        if seen.institution != request.institution.as_str()
            || request.operation.creation().is_some()
        {
            return Ok(Found::Taken);
        }
        seen.state.clone().map(Found::Ours)
    }

    /// The digest of what was seen, if the stored one does not fit: a hand has edited the
    /// details.
    pub(super) fn unsealed(&self, uuid: Uuid) -> Option<Uuid> {
        self.applications.get(&uuid)?.unsealed
    }

    /// What the command's key was used for.
    pub(super) fn used(&self, append: &Append) -> Result<Option<UsedKey>> {
        let Some(key) = &append.request.idempotency_key else {
            return Ok(None);
        };
        let institution = append.request.institution.to_string();
        self.keys
            .get(&(institution, key.to_string()))
            .cloned()
            .transpose()
    }
}

/// Looks at all that the commands are about.
pub(super) async fn see(link: &impl Link, appends: &[&Append]) -> Result<Seen, Failure> {
    Ok(Seen {
        applications: see_applications(link, appends).await?,
        keys: see_keys(link, appends).await?,
    })
}

async fn see_applications(
    link: &impl Link,
    appends: &[&Append],
) -> Result<HashMap<Uuid, SeenApplication>, Failure> {
    let uuids: Vec<Uuid> = appends.iter().map(|append| append.uuid()).collect();
    let mut applications = HashMap::new();
    for row in &link.send(SEE, &[(&uuids, Type::UUID_ARRAY)]).await? {
        let is_of_last_event = row.flag(21, "is of last event").map_err(not_understood)?;
        let state = read(row, |it| {
            let state = it.last_event()?.application();
            if !is_of_last_event {
                return Err("its transaction is not that of its last event".to_owned());
            }
            Ok(state)
        });
        let seen = SeenApplication {
            institution: row.word(1, "institution").map_err(not_understood)?,
            state,
            unsealed: row.uuid_or_none(20, "seal").map_err(not_understood)?,
        };
        let uuid = row.uuid(0, "uuid").map_err(not_understood)?;
        applications.insert(uuid, seen);
    }
    Ok(applications)
}

async fn see_keys(link: &impl Link, appends: &[&Append]) -> Result<SeenKeys, Failure> {
    let mut keys = Keys::default();
    for request in appends.iter().map(|append| &append.request) {
        if let Some(key) = &request.idempotency_key {
            keys.key.push(key.as_str());
            keys.institution.push(request.institution.as_str());
        }
    }
    let mut seen = HashMap::new();
    if keys.key.is_empty() {
        return Ok(seen);
    }
    for row in &link.send(&SEE_KEYS, &keys.typed()).await? {
        let word = |at, column| row.word(at, column).map_err(not_understood);
        let (key, institution) = (word(20, "key")?, word(21, "institution")?);
        let refused = row.word_or_none(22, "refused").map_err(not_understood)?;
        let used = match refused {
            Some(refused) => Refused::from_text(&refused)
                .map(UsedKey::Refused)
                .map_err(|it| StoreError::corrupt(format!("idempotency key {key:?}"), it)),
            None => read(row, |joined| {
                let recorded = joined.recorded()?;
                let of_the_event = recorded.idempotency_key.as_ref();
                if of_the_event.map(IdempotencyKey::as_str) != Some(&key) {
                    return Err(format!("idempotency key {key:?} is another event's"));
                }
                Ok(UsedKey::Event(Box::new(recorded)))
            }),
        };
        seen.insert((institution, key), used);
    }
    Ok(seen)
}

/// Seals the details of an application, which were found to be good, if they are still the same.
pub(super) async fn seal(link: &impl Link, uuid: Uuid, seal: Uuid) -> Result<(), Failure> {
    let parameters: [Parameter<'_>; 2] = [(&uuid, Type::UUID), (&seal, Type::UUID)];
    link.send(SEAL, &parameters).await?;
    Ok(())
}
