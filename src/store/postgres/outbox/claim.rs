//! What is due, and leases on it.

use std::collections::HashMap;
use std::time::Instant;

use chrono::{DateTime, Utc};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};
use uuid::Uuid;

use super::hint::{DueHint, DueHints, Found};
use super::webhooks;
use super::{Numbers, milliseconds};
use crate::lengths::later;
use crate::store::outbox::LOOK_AGAIN;
use crate::store::postgres::{
    failure::Failure,
    pipeline::in_turn,
    read,
    row::{Joined, columns},
    session::{Cached, Session},
    sql::{input, statements},
};
use crate::store::stored::{self, Columns, Problem};
use crate::store::{
    Claim, ClaimedBatch, DeliveryId, Due, LeasedDelivery, Result, StoreError, Webhook,
};

/// How often a claim looks, at most, for others in place of those that it has put off.
const MOST_ROUNDS: u32 = 16;

input! {
    /// Webhooks for which there is room.
    Wanted {
        webhook: Uuid = UUID,
        room: i64 = INT8,
        again: i64 = INT8,
        first_number: i64 = INT8,
        first_at: i64 = INT8,
    }
}

statements! {
    DUE() = include_str!("due.sql");

    /// Locks what may be claimed. It is a statement of its own: a statement that sees the
    /// deliveries before them as they are must have begun to look when these were locked already.
    LOCK(INT8; Wanted) = include_str!("lock.sql");

    CLAIM(INT8, INT8; Numbers) = concat!(
        include_str!("claim.sql"),
        columns!(),
        include_str!("claimed.sql")
    );
}

pub(super) async fn due(client: &Session) -> Result<Vec<Due>> {
    let rows = read::query(client, DUE, &[]).await?;
    let due = |row: &Row| {
        stored::due(row)
            .map_err(|problem| StoreError::corrupt("a row of table certlife_webhook", problem))
    };
    rows.iter().map(due).collect()
}

/// The room that is left for deliveries of a webhook.
struct Room {
    all: i64,
    /// Of it, what is for those that are due again.
    again: i64,
}

/// What was claimed, and the latest transaction of the feed that it is of, where there is a
/// synchronous standby.
///
/// A claim that is given up loses its connection.
pub(super) async fn claim(
    client: &mut Session,
    hints: &DueHints,
    claim: &Claim,
) -> Result<(ClaimedBatch, Option<i64>), Failure> {
    let claimed = rounds(client, hints, claim).await;
    let is_lost = matches!(&claimed, Err(failure) if failure.is_of_the_connection());
    if client.is_open() && !is_lost && client.batch_execute("ROLLBACK").await.is_ok() {
        client.set_open(false);
    }
    claimed
}

/// The same, of which each round is a transaction.
///
/// Its beginning is sent with what comes first in it, and its end with what comes last: for each
/// answer that is waited for, both programs may have to wait for a processor.
async fn rounds(
    client: &mut Session,
    hints: &DueHints,
    claim: &Claim,
) -> Result<(ClaimedBatch, Option<i64>), Failure> {
    let mut rooms = HashMap::new();
    for (webhook, room) in &claim.wanted {
        let all = i64::from(*room);
        let again = i64::from(claim.again(*room));
        rooms.insert(*webhook, Room { all, again });
    }
    // Not prepared yet, it would be sent behind the end of the transaction.
    let claiming = client.prepare_cached(&CLAIM).await;
    let claiming = claiming.map_err(|it| Failure::from(it).without_effect())?;
    client.set_open(true);
    let webhooks = wanted_webhooks(client, claim);
    let input = Input::of(hints, claim, &rooms);
    let begun = in_turn(
        client.batch_execute("BEGIN"),
        in_turn(webhooks, input.lock(client)),
    );
    let (begun, (webhooks, locked)) = begun.await;
    begun.map_err(|it| Failure::from(it).without_effect())?;
    let (known, corrupt) = webhooks?;
    rooms.retain(|webhook, _| known.contains_key(webhook));
    let mut locked = input.note(hints, &rooms, &locked?)?;
    let mut batch = ClaimedBatch::default();
    let mut last = None;
    for turn in 1.. {
        let leased = round(client, &claiming, &locked, claim, &mut rooms, &mut last).await;
        match leased {
            Ok(leased) => {
                client.set_open(false);
                batch.deliveries.extend(leased);
            }
            // What was claimed before is claimed.
            Err(_) if turn > 1 => break,
            Err(failure) => return Err(failure),
        }
        if rooms.is_empty() || turn == MOST_ROUNDS {
            break;
        }
        client.set_open(true);
        let input = Input::of(hints, claim, &rooms);
        let (begun, again) = in_turn(client.batch_execute("BEGIN"), input.lock(client)).await;
        let again = begun.map_err(Failure::from).and(again);
        locked = match again.and_then(|rows| input.note(hints, &rooms, &rows)) {
            Ok(locked) => locked,
            Err(_) => break,
        };
    }
    if let (true, Some(error)) = (batch.deliveries.is_empty(), corrupt) {
        return Err(Failure::Undone(error));
    }
    let is_needed = |it: &Webhook| batch.deliveries.iter().any(|of| of.webhook == it.id);
    batch.webhooks = known.into_values().filter(is_needed).collect();
    Ok((batch, last))
}

/// The wanted webhooks that are enabled. One that is corrupt is not claimed for, and keeps no other
/// from it.
async fn wanted_webhooks(
    client: &Session,
    claim: &Claim,
) -> Result<(HashMap<Uuid, Webhook>, Option<StoreError>), Failure> {
    let ids: Vec<Uuid> = claim.wanted.iter().map(|(id, _)| *id).collect();
    let rows = webhooks::enabled(client, &ids).await;
    let rows = rows.map_err(Failure::Unsent)?;
    let mut known = HashMap::new();
    let mut corrupt = None;
    for row in &rows {
        match webhooks::from_row(row) {
            Ok(webhook) => {
                known.insert(webhook.id, webhook);
            }
            Err(error) => corrupt = Some(error),
        }
    }
    Ok((known, corrupt))
}

/// Claims what there is room for, and ends the transaction; `last` becomes the latest transaction
/// of the feed that it is of, where there is a synchronous standby. Some of it may have to wait for
/// earlier ones and is put off: then there is room left.
async fn round(
    client: &Session,
    claiming: &Statement,
    locked: &[Locked],
    claim: &Claim,
    rooms: &mut HashMap<Uuid, Room>,
    last: &mut Option<i64>,
) -> Result<Vec<LeasedDelivery>, Failure> {
    let numbers = locked
        .iter()
        .flat_map(|(_, again, others)| again.iter().chain(others))
        .copied();
    let input = Numbers {
        number: numbers.collect(),
    };
    if input.number.is_empty() {
        rooms.clear();
        let ended = client.batch_execute("COMMIT").await;
        ended.map_err(|it| Failure::from(it).without_effect())?;
        return Ok(Vec::new());
    }
    let soon = milliseconds(later(claim.now, LOOK_AGAIN));
    let end = milliseconds(later(claim.now, claim.lease));
    let [numbers] = input.parameters();
    let parameters: [&(dyn ToSql + Sync); 3] = [&soon, &end, numbers];
    let (rows, ended) = in_turn(
        client.query(claiming, &parameters),
        client.batch_execute("COMMIT"),
    )
    .await;
    // The end was sent as well: if the answer is lost, there may be leases.
    let rows = rows?;
    ended?;
    let mut leased: HashMap<i64, LeasedDelivery> = HashMap::new();
    for row in &rows {
        let claimed = claimed(row)?;
        if row.try_get(27)? {
            *last = (*last).max(Some(row.try_get(26)?));
        }
        leased.insert(claimed.id.0, claimed);
    }
    let mut left = HashMap::new();
    for (webhook, again, others) in locked {
        let Some(room) = rooms.remove(webhook) else {
            continue;
        };
        let leased_of = |numbers: &[i64]| {
            let count = numbers.iter().filter(|it| leased.contains_key(it)).count();
            i64::try_from(count).unwrap_or(i64::MAX)
        };
        let (again_leased, others_leased) = (leased_of(again), leased_of(others));
        let is_put_off = again_leased + others_leased
            < i64::try_from(again.len() + others.len()).unwrap_or(i64::MAX);
        let room = Room {
            all: room.all - again_leased - others_leased,
            again: room.again - again_leased,
        };
        if is_put_off && room.all > 0 {
            left.insert(*webhook, room);
        }
    }
    *rooms = left;
    let in_order = input.number.iter().filter_map(|it| leased.remove(it));
    Ok(in_order.collect())
}

/// Of a webhook, what is locked: what is due again, as far as there is room for that, and the
/// others.
type Locked = (Uuid, Vec<i64>, Vec<i64>);

/// What there is room for, and where the search for it begins.
struct Input {
    start: Instant,
    now: i64,
    wanted: Wanted,
}

impl Input {
    fn of(hints: &DueHints, claim: &Claim, rooms: &HashMap<Uuid, Room>) -> Self {
        let start = Instant::now();
        let mut wanted = Wanted::default();
        for (webhook, _) in &claim.wanted {
            if let Some(room) = rooms.get(webhook) {
                let hint = hints.of(*webhook, start);
                wanted.webhook.push(*webhook);
                wanted.room.push(room.all);
                wanted.again.push(room.again);
                wanted.first_number.push(hint.number);
                wanted.first_at.push(hint.at);
            }
        }
        let now = milliseconds(claim.now);
        Self { start, now, wanted }
    }

    /// Locks it.
    async fn lock(&self, client: &Session) -> Result<Vec<Row>, Failure> {
        let [webhooks, all, again, numbers, times] = self.wanted.parameters();
        let parameters: [&(dyn ToSql + Sync); 6] =
            [&self.now, webhooks, all, again, numbers, times];
        let rows = client.rows(&LOCK, &parameters).await;
        rows.map_err(|it| Failure::from(it).without_effect())
    }

    /// What was locked of the webhooks that there is room for, with a note of where the next
    /// search begins.
    fn note(
        &self,
        hints: &DueHints,
        rooms: &HashMap<Uuid, Room>,
        rows: &[Row],
    ) -> Result<Vec<Locked>, Failure> {
        let wanted = &self.wanted;
        let mut locked = Vec::new();
        for row in rows {
            let webhook = row.try_get(0)?;
            let Some(room) = rooms.get(&webhook) else {
                continue;
            };
            let (again, mut others): (Vec<i64>, Vec<i64>) = (row.try_get(1)?, row.try_get(2)?);
            let place = wanted.webhook.iter().position(|it| *it == webhook);
            let from = place.and_then(|it| {
                let (number, at) = (*wanted.first_number.get(it)?, *wanted.first_at.get(it)?);
                Some(DueHint { number, at })
            });
            if let Some(from) = from {
                let is_less = i64::try_from(again.len()).is_ok_and(|it| it < room.again);
                let found = Found {
                    from,
                    last_new: others.last().copied(),
                    new: others.len(),
                    none_left_at: is_less.then_some(self.now),
                };
                hints.found(webhook, self.start, &found);
            }
            others.extend(row.try_get::<_, Vec<i64>>(3)?);
            locked.push((webhook, again, others));
        }
        Ok(locked)
    }
}

fn claimed(row: &Row) -> Result<LeasedDelivery, Failure> {
    let joined = Joined(row);
    let mut event = match its_event(row) {
        Ok(()) => joined.event(),
        Err(problem) => Err(problem),
    };
    let created_at = row.time(24, "created_at").unwrap_or_else(|problem| {
        event = Err(problem);
        DateTime::<Utc>::UNIX_EPOCH
    });
    let attempts: i32 = row.try_get(23)?;
    Ok(LeasedDelivery {
        id: DeliveryId(row.try_get(20)?),
        webhook: row.try_get(21)?,
        token: row.try_get(22)?,
        attempts: u32::try_from(attempts).unwrap_or_default(),
        created_at,
        event: event.map_err(|problem| format!("{}: {problem}", joined.key())),
    })
}

/// Whether the event that stands where the delivery says is the one that it is of: what was edited
/// by hand sends none to the wrong webhook.
fn its_event(row: &Row) -> Result<(), Problem> {
    let (uuid, version) = (row.uuid(0, "uuid")?, row.integer(25, "version")?);
    let found = (
        row.uuid_or_none(16, "uuid")?,
        row.integer_or_none(9, "version")?,
    );
    if found == (Some(uuid), Some(version)) {
        Ok(())
    } else {
        Err(format!("its event at version {version} is missing"))
    }
}
