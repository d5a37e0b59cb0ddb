//! What is due, and leases on it.

use std::collections::{HashMap, HashSet};

use chrono::DateTime;
use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::lengths::later;
use crate::store::cells::{Cells, in_cells};
use crate::store::outbox::is_of_lease;
use crate::store::postgres::{
    failure::{Failure, not_understood},
    outbox::milliseconds,
    read::{self, settled},
    row::{Joined, columns},
    session::{Cached, Session},
    sql::{input, statements},
};
use crate::store::stored::{Columns, Problem};
use crate::store::{
    DueInstitution, DueWork, InstitutionId, LeasedWork, Result, StoreError, WorkBacklog, WorkClaim,
    WorkLease,
};

/// How often a claim looks, at most, for others in place of those that have moved on.
const MOST_ROUNDS: u32 = 16;

input! {
    /// Institutions for which there is room.
    WantedWork<'a> {
        nth: i32 = INT4,
        institution: &'a str = TEXT,
        room: i64 = INT8,
        again: i64 = INT8,
    }
}

input! {
    /// Applications.
    Locked {
        uuid: Uuid = UUID,
    }
}

input! {
    /// Leases.
    Leases {
        uuid: Uuid = UUID,
        token: i64 = INT8,
    }
}

statements! {
    DUE(TEXT) = include_str!("due.sql");

    /// Finds what is in progress ($1) at events that were not looked at yet. The row of what was
    /// seen is locked: where another has it, nothing is looked at, and there is more.
    ///
    /// What was seen moves on to the last settled event of a page. Behind it may stand events of
    /// transactions that ended while an earlier one is under way, which may yet commit events that
    /// stand before them. Those are looked at each time, but for what has a claim already: so
    /// however many they are, the next that is new is among what is returned.
    ///
    /// This may see less than those before it: then it adds what is over by now, and the claim
    /// notices.
    FIND(INT4) = concat!(
        "WITH seen AS MATERIALIZED ( \
             SELECT transaction, place FROM certlife_work_seen FOR UPDATE SKIP LOCKED \
         ), \
         page AS MATERIALIZED ( \
             SELECT it.* FROM seen CROSS JOIN LATERAL ( \
                 SELECT e.uuid, e.version, e.at, e.transaction, e.place, e.kind FROM certlife_event e \
                 WHERE (e.transaction, e.place) > (seen.transaction, seen.place) AND ",
        settled!(),
        "        ORDER BY e.transaction, e.place LIMIT 4096 \
             ) it \
         ), \
         unsettled AS MATERIALIZED ( \
             SELECT it.* FROM seen CROSS JOIN LATERAL ( \
                 SELECT a.institution, e.uuid, e.version, e.at, e.transaction, e.place \
                 FROM certlife_event e CROSS JOIN LATERAL ( \
                     SELECT a.institution FROM certlife_application a \
                     WHERE a.uuid = e.uuid AND a.version = e.version AND ",
        in_cells!("a", "$1"),
        "            OFFSET 0 \
                 ) a \
                 WHERE (e.transaction, e.place) > (seen.transaction, seen.place) AND NOT (",
        settled!(),
        "        ) AND ($1 >> (e.kind * 2)) & 3 <> 0 \
                     AND coalesce((SELECT w.version FROM certlife_work w WHERE w.uuid = e.uuid), 0) \
                     < e.version \
                 ORDER BY e.transaction, e.place LIMIT 4096 \
             ) it \
         ), \
         found AS MATERIALIZED ( \
             SELECT a.institution, page.uuid, page.version, page.at, page.transaction, page.place \
             FROM page CROSS JOIN LATERAL ( \
                 SELECT a.institution FROM certlife_application a \
                 WHERE a.uuid = page.uuid AND a.version = page.version AND ",
        in_cells!("a", "$1"),
        "        OFFSET 0 \
             ) a \
             WHERE ($1 >> (page.kind * 2)) & 3 <> 0 \
                 AND coalesce((SELECT w.version FROM certlife_work w WHERE w.uuid = page.uuid), 0) \
                 < page.version \
             UNION ALL SELECT * FROM unsettled \
         ), \
         added AS ( \
             INSERT INTO certlife_work AS known (uuid, institution, version, transaction, place, \
                 since, state, at, token, attempts) \
             SELECT uuid, institution, version, transaction, place, at, 0, 0, 0, 0 FROM found \
             ORDER BY uuid \
             ON CONFLICT (uuid) DO UPDATE SET \
                 institution = excluded.institution, version = excluded.version, \
                 transaction = excluded.transaction, place = excluded.place, \
                 since = excluded.since, state = 0, at = 0, token = known.token + (known.token & 1), \
                 attempts = 0, reason = NULL \
             WHERE known.version < excluded.version \
             RETURNING known.institution, known.token \
         ), \
         moved AS ( \
             UPDATE certlife_work_seen SET transaction = last.transaction, place = last.place \
             FROM ( \
                 SELECT transaction, place FROM page ORDER BY transaction DESC, place DESC LIMIT 1 \
             ) last \
         ) \
         SELECT NOT EXISTS (SELECT FROM seen) OR (SELECT count(*) FROM page) >= 4096 \
                 OR (SELECT count(*) FROM unsettled) >= 4096, \
             CASE WHEN NOT EXISTS (SELECT FROM added WHERE token <> 0) \
             THEN ARRAY(SELECT DISTINCT institution FROM added) END"
    );

    /// Locks what may be claimed. It is a statement of its own: a statement that sees the
    /// applications as they are must have begun to look when these were locked already.
    LOCK(INT8; WantedWork) = include_str!("lock.sql");

    CLAIM(INT8; Locked) = concat!(
        include_str!("claim.sql"),
        columns!(),
        include_str!("claimed.sql")
    );

    RENEW(INT8; Leases) = include_str!("renew.sql");

    BACKLOG(TEXT) = "\
        SELECT institution, count(*) FILTER (WHERE token & 1 = 0), \
            min(since) FILTER (WHERE token & 1 = 0), count(*) FILTER (WHERE token & 1 = 1) \
        FROM certlife_work WHERE $1::text IS NULL OR institution = $1 \
        GROUP BY institution ORDER BY institution COLLATE \"C\"";
}

/// What is known to be due, and whether there are events that were not looked at yet.
pub(super) async fn due(
    client: &Session,
    institution: Option<&InstitutionId>,
) -> Result<(DueWork, bool)> {
    let institution = institution.map(InstitutionId::as_str);
    let rows = read::query(client, DUE, &[&institution]).await?;
    let (mut institutions, mut is_behind) = (Vec::new(), false);
    let corrupt = |problem| StoreError::corrupt("a row of table certlife_work", problem);
    for row in &rows {
        if row
            .word_or_none(0, "institution")
            .map_err(corrupt)?
            .is_some()
        {
            institutions.push(of_institution(row).map_err(corrupt)?);
        } else {
            let is_missing =
                |_| StoreError::corrupt("table certlife_work_seen", "its row is missing");
            is_behind = row.flag(1, "is behind").map_err(is_missing)?;
        }
    }
    Ok((DueWork::new(institutions), is_behind))
}

fn of_institution(row: &Row) -> Result<DueInstitution, Problem> {
    Ok(DueInstitution {
        institution: row.institution(0)?,
        has_new: row.flag(1, "has new")?,
        at: row.nearest_time(2, "work.at")?,
    })
}

/// Looks for what has come into progress: whether there is more to look at, and for which
/// institutions something was found. None if it has taken the place of what was put off.
pub(super) async fn find(client: &Session) -> Result<(bool, Option<Vec<InstitutionId>>), Failure> {
    let in_progress = i32::from(Cells::in_progress().bits());
    let rows = client.rows(FIND, &[&in_progress]).await?;
    let Some(row) = rows.first() else {
        return Ok((false, None));
    };
    let found: Option<Vec<String>> = row.try_get(1)?;
    // What is none is corrupt, and is reported by the next question what is due.
    let ids = |it: Vec<String>| {
        it.iter()
            .filter_map(|it| InstitutionId::new(it).ok())
            .collect()
    };
    Ok((row.try_get(0)?, found.map(ids)))
}

/// The room that is left for work of an institution.
struct Room<'c> {
    institution: &'c InstitutionId,
    all: i64,
    /// Of it, what is for what is due again.
    again: i64,
}

/// What was claimed, and the latest transaction of the feed that it is of, where there is a
/// synchronous standby.
pub(super) async fn claim(
    client: &mut Session,
    claim: &WorkClaim,
) -> Result<(Vec<LeasedWork>, Option<i64>), Failure> {
    let rooms = claim.wanted.iter().map(|(institution, room)| Room {
        institution,
        all: i64::from(*room),
        again: i64::from(claim.again(*room)),
    });
    let mut rooms: Vec<Room<'_>> = rooms.collect();
    if rooms.is_empty() {
        return Ok((Vec::new(), None));
    }
    let (mut leased, mut last) = (Vec::new(), None);
    let transaction = client
        .transaction()
        .await
        .map_err(|it| Failure::from(it).without_effect())?;
    for _ in 0..MOST_ROUNDS {
        if rooms.is_empty() {
            break;
        }
        let of_round = round(&transaction, claim, &mut rooms, &mut last).await;
        leased.extend(of_round.map_err(Failure::without_effect)?);
        if claim.lease.is_zero() {
            // What it has leased is due again.
            break;
        }
    }
    transaction.commit().await?;
    Ok((leased, last))
}

/// Claims what there is room for; `last` becomes the latest transaction of the feed that it is of,
/// where there is a synchronous standby. Some of it may have moved on: then there is room left.
async fn round(
    transaction: &Transaction<'_>,
    claim: &WorkClaim,
    rooms: &mut Vec<Room<'_>>,
    last: &mut Option<i64>,
) -> Result<Vec<LeasedWork>, Failure> {
    let locked = lock(transaction, claim, rooms).await?;
    let uuids = locked
        .iter()
        .flat_map(|(again, others)| again.iter().chain(others));
    let input = Locked {
        uuid: uuids.copied().collect(),
    };
    if input.uuid.is_empty() {
        rooms.clear();
        return Ok(Vec::new());
    }
    let end = milliseconds(later(claim.now, claim.lease));
    let [uuids] = input.parameters();
    let mut leased: HashMap<Uuid, LeasedWork> = HashMap::new();
    for row in &transaction.rows(&CLAIM, &[&end, uuids]).await? {
        let (work, transaction) = claimed(row).map_err(not_understood)?;
        if row.flag(26, "is synchronous").map_err(not_understood)? {
            *last = (*last).max(Some(transaction));
        }
        leased.insert(work.lease.application, work);
    }
    let mut left = Vec::new();
    for (room, (again, others)) in std::mem::take(rooms).into_iter().zip(&locked) {
        let leased_of = |uuids: &[Uuid]| {
            let count = uuids.iter().filter(|it| leased.contains_key(it)).count();
            i64::try_from(count).unwrap_or(i64::MAX)
        };
        let (of_again, of_others) = (leased_of(again), leased_of(others));
        let has_moved_on = (again.iter().chain(others)).any(|it| !leased.contains_key(it));
        let all = room.all - of_again - of_others;
        if has_moved_on && all > 0 {
            let again = (room.again - of_again).max(0);
            left.push(Room { all, again, ..room });
        }
    }
    *rooms = left;
    Ok(input
        .uuid
        .iter()
        .filter_map(|it| leased.remove(it))
        .collect())
}

/// Locks what there is room for: for each room what is due again, as far as there is room for that,
/// and the others.
async fn lock(
    transaction: &Transaction<'_>,
    claim: &WorkClaim,
    rooms: &[Room<'_>],
) -> Result<Vec<(Vec<Uuid>, Vec<Uuid>)>, Failure> {
    let mut input = WantedWork::default();
    for (nth, room) in (0..).zip(rooms) {
        input.nth.push(nth);
        input.institution.push(room.institution.as_str());
        input.room.push(room.all);
        input.again.push(room.again);
    }
    let now = milliseconds(claim.now);
    let [nth, institutions, all, again] = input.parameters();
    let parameters: [&(dyn ToSql + Sync); 5] = [&now, nth, institutions, all, again];
    let mut locked = vec![(Vec::new(), Vec::new()); rooms.len()];
    for row in &transaction.rows(&LOCK, &parameters).await? {
        let nth: usize = row.count(0, "nth").map_err(not_understood)?;
        let mut others: Vec<Uuid> = row.try_get(2)?;
        others.extend(row.try_get::<_, Vec<Uuid>>(3)?);
        if let Some(it) = locked.get_mut(nth) {
            *it = (row.try_get(1)?, others);
        }
    }
    Ok(locked)
}

/// Leased work, and the transaction of its event.
fn claimed(row: &Row) -> Result<(LeasedWork, i64), Problem> {
    let uuid = row.uuid(20, "work.uuid")?;
    let joined = Joined(row);
    let event = joined.last_event();
    let application = event.map(|it| it.application());
    let attempts = row.integer(23, "work.attempts")?;
    let since = DateTime::from_timestamp(row.integer(24, "work.since")?, 0);
    let work = LeasedWork {
        lease: WorkLease::new(uuid, row.integer(22, "work.token")?),
        institution: row.institution(21)?,
        attempt: u32::try_from(attempts).unwrap_or_default(),
        // That of its event, which is read with the application.
        since: since.unwrap_or_default(),
        application: application
            .map_err(|problem| StoreError::corrupt(format!("application {uuid}"), problem)),
    };
    Ok((work, row.integer(25, "work.transaction")?))
}

/// Puts off the ends of leases; those that are held.
pub(super) async fn renew(
    client: &Session,
    leases: &[WorkLease],
    until: i64,
) -> Result<HashSet<WorkLease>, Failure> {
    let mut input = Leases::default();
    for lease in leases.iter().filter(|it| is_of_lease(it.token)) {
        input.uuid.push(lease.application);
        input.token.push(lease.token);
    }
    let [uuids, tokens] = input.parameters();
    let rows = client.rows(&RENEW, &[&until, uuids, tokens]).await?;
    rows.iter().map(lease).collect()
}

/// From the columns uuid and token.
pub(super) fn lease(row: &Row) -> Result<WorkLease, Failure> {
    Ok(WorkLease::new(row.try_get(0)?, row.try_get(1)?))
}

pub(super) async fn backlog(
    client: &Session,
    institution: Option<&InstitutionId>,
) -> Result<Vec<WorkBacklog>> {
    let institution = institution.map(InstitutionId::as_str);
    let rows = read::query(client, BACKLOG, &[&institution]).await?;
    let of_institution = |row: &Row| {
        let read = || -> Result<_, Problem> {
            let oldest = row.integer_or_none(2, "work.since")?;
            Ok(WorkBacklog {
                institution: row.institution(0)?,
                waiting: row.count(1, "waiting")?,
                oldest: oldest.and_then(|it| DateTime::from_timestamp(it, 0)),
                under_way: row.count(3, "under way")?,
            })
        };
        read().map_err(|problem| StoreError::corrupt("a row of table certlife_work", problem))
    };
    rows.iter().map(of_institution).collect()
}
