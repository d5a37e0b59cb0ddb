//! What became of deliveries. States in SQL: 0 new, 1 later, 2 delivered, 3 dead (`State`).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{MOST_ATTEMPTS, Numbers, milliseconds};
use crate::store::outbox::Settled;
use crate::store::postgres::{
    PostgresStore,
    failure::Failure,
    pause::pause,
    session::{Cached, Session},
    sql::{input, statements},
    text::encode,
};
use crate::store::{Attempt, DeliveryId, HealthChange, InstitutionId, Result, Settlement};

input! {
    /// What is pulled.
    PulledLanes {
        application: i64 = INT8,
        webhook: Uuid = UUID,
    }
}

input! {
    /// What has become known of webhooks.
    HealthChanges {
        id: Uuid = UUID,
        delivered: bool = BOOL,
        failed_at: Option<i64> = INT8,
        not_before: Option<i64> = INT8,
    }
}

input! {
    /// What became of deliveries.
    Settlements<'a> {
        number: i64 = INT8,
        token: i64 = INT8,
        state: i16 = INT2,
        at: i64 = INT8,
        reason: Option<Cow<'a, str>> = TEXT,
        sent_at: Option<i64> = INT8,
        milliseconds: Option<i64> = INT8,
        status: Option<i32> = INT4,
        error: Option<Cow<'a, str>> = TEXT,
        excerpt: Option<Cow<'a, str>> = TEXT,
        kept: bool = BOOL,
    }
}

statements! {
    SETTLE(; Settlements) = include_str!("settle.sql");
    PULL(INT8; PulledLanes) = include_str!("pull.sql");

    /// As `Health::after` has it; what changes nothing is not written.
    HEALTH(INT8; HealthChanges) = "\
        UPDATE certlife_webhook w \
        SET failing_since = coalesce( \
                CASE WHEN NOT input.delivered THEN w.failing_since END, input.failed_at), \
            not_before = greatest( \
                CASE WHEN NOT input.delivered OR w.not_before > $1 THEN w.not_before END, \
                input.not_before) \
        FROM {input} \
        WHERE w.id = input.id AND NOT w.removed \
            AND (input.failed_at IS NOT NULL OR input.not_before IS NOT NULL \
                OR w.failing_since IS NOT NULL OR w.not_before IS NOT NULL)";

    /// The token goes: if a delivery is redelivered, the holder of the old lease does not end that.
    ABANDON(INT8, TEXT, TEXT; Numbers) = "\
        UPDATE certlife_delivery d \
        SET state = 3, at = $1, reason = $2, leased_until = NULL, token = d.token + (d.token & 1) \
        FROM {input} \
        WHERE d.number = input.number AND d.state < 2 AND EXISTS ( \
            SELECT FROM certlife_webhook w \
            WHERE w.id = d.webhook AND w.institution = $3 AND NOT w.removed \
        ) RETURNING d.application, d.webhook";

    REDELIVER(INT8, TEXT; Numbers) = include_str!("redeliver.sql");
}

/// Applications and webhooks of which a delivery is over, in the order in which they are pulled.
type Lanes = BTreeSet<(i64, Uuid)>;

pub(super) async fn settle(
    client: &mut Session,
    now: DateTime<Utc>,
    settlements: &[Settlement],
    health: &[(Uuid, HealthChange)],
) -> Result<Vec<bool>, Failure> {
    let mut counted = vec![false; settlements.len()];
    let mut lanes = Lanes::new();
    let rounds = rounds(settlements);
    if let ([round], []) = (&*rounds, health) {
        // One statement is a transaction of its own.
        record(&*client, now, round, &mut counted, &mut lanes).await?;
        pull_committed(client, now, &lanes).await;
        return Ok(counted);
    }
    let transaction = client.transaction().await?;
    let recorded = async {
        for round in &rounds {
            record(&transaction, now, round, &mut counted, &mut lanes).await?;
        }
        set_health(&transaction, now, health).await?;
        Ok::<_, Failure>(())
    };
    recorded.await.map_err(Failure::without_effect)?;
    transaction.commit().await?;
    pull_committed(client, now, &lanes).await;
    Ok(counted)
}

/// A settlement and its place among all.
type Placed<'a> = (usize, &'a Settlement);

/// The settlements in rounds: each has a delivery at most once, in the order of their numbers, so
/// that of two who settle at once only one waits for the other.
fn rounds(settlements: &[Settlement]) -> Vec<BTreeMap<i64, Placed<'_>>> {
    let mut rounds: Vec<BTreeMap<i64, Placed<'_>>> = Vec::new();
    for (place, settlement) in settlements.iter().enumerate() {
        let number = settlement.id.0;
        let free = rounds.iter_mut().find(|it| !it.contains_key(&number));
        match free {
            Some(round) => {
                round.insert(number, (place, settlement));
            }
            None => rounds.push(BTreeMap::from([(number, (place, settlement))])),
        }
    }
    rounds
}

impl<'a> Settlements<'a> {
    fn push(&mut self, settlement: &'a Settlement, now: DateTime<Utc>) {
        let Settled { state, at, reason } = settlement.outcome.settled(now);
        self.number.push(settlement.id.0);
        self.token.push(settlement.token);
        self.state.push(state.code());
        self.at.push(milliseconds(at));
        self.reason.push(reason.map(encode));
        let attempt = settlement.attempt.as_ref();
        let text = |of: fn(&Attempt) -> &Option<String>| {
            attempt.and_then(|it| of(it).as_deref()).map(encode)
        };
        self.sent_at.push(attempt.map(|it| milliseconds(it.at)));
        self.milliseconds
            .push(attempt.map(|it| i64::try_from(it.milliseconds).unwrap_or(i64::MAX)));
        self.status
            .push(attempt.and_then(|it| it.status).map(i32::from));
        self.error.push(text(|it| &it.error));
        self.excerpt.push(text(|it| &it.excerpt));
        self.kept.push(settlement.keeps_attempt(milliseconds(at)));
    }
}

/// Records one round; notes which counted, and of which lanes something is over.
async fn record(
    client: &impl Cached,
    now: DateTime<Utc>,
    round: &BTreeMap<i64, Placed<'_>>,
    counted: &mut [bool],
    lanes: &mut Lanes,
) -> Result<(), Failure> {
    let mut input = Settlements::default();
    for (_, settlement) in round.values() {
        input.push(settlement, now);
    }
    for row in &client.rows(&SETTLE, &input.parameters()).await? {
        let settled = round.get(&row.try_get(0)?);
        if let Some(it) = settled.and_then(|(place, _)| counted.get_mut(*place)) {
            *it = true;
        }
        if row.try_get(3)? {
            lanes.insert((row.try_get(1)?, row.try_get(2)?));
        }
    }
    Ok(())
}

/// Lets the next deliveries of these lanes go.
async fn pull(client: &impl Cached, now: DateTime<Utc>, lanes: &Lanes) -> Result<(), Failure> {
    if lanes.is_empty() {
        return Ok(());
    }
    let (application, webhook) = lanes.iter().copied().unzip();
    let lanes = PulledLanes {
        application,
        webhook,
    };
    let [applications, webhooks] = lanes.parameters();
    let parameters: [&(dyn ToSql + Sync); 3] = [&milliseconds(now), applications, webhooks];
    client.rows(&PULL, &parameters).await?;
    Ok(())
}

/// The same, once the end of the earlier ones is committed; again where it has lost a deadlock.
/// Should it fail, they go when the time has come to which they were put off.
async fn pull_committed(client: &Session, now: DateTime<Utc>, lanes: &Lanes) {
    for tries in 1..=MOST_ATTEMPTS {
        match pull(client, now, lanes).await {
            Err(Failure::Again(_)) => tokio::time::sleep(pause(tries)).await,
            _ => return,
        }
    }
}

async fn set_health(
    transaction: &Transaction<'_>,
    now: DateTime<Utc>,
    health: &[(Uuid, HealthChange)],
) -> Result<(), Failure> {
    if health.is_empty() {
        return Ok(());
    }
    // In the order of their ids.
    let mut by_id: BTreeMap<Uuid, HealthChange> = BTreeMap::new();
    for (id, change) in health {
        let known = by_id.entry(*id).or_default();
        *known = known.and(*change);
    }
    let mut input = HealthChanges::default();
    for (id, change) in by_id {
        input.id.push(id);
        input.delivered.push(change.delivered);
        input.failed_at.push(change.failed_at.map(milliseconds));
        input.not_before.push(change.not_before.map(milliseconds));
    }
    let [ids, delivered, failed_at, not_before] = input.parameters();
    let parameters: [&(dyn ToSql + Sync); 5] =
        [&milliseconds(now), ids, delivered, failed_at, not_before];
    transaction.rows(&HEALTH, &parameters).await?;
    Ok(())
}

/// In the order of their numbers, each once.
fn in_order(deliveries: &[DeliveryId]) -> Numbers {
    let numbers: BTreeSet<i64> = deliveries.iter().map(|it| it.0).collect();
    Numbers {
        number: numbers.into_iter().collect(),
    }
}

pub(super) async fn abandon(
    client: &mut Session,
    institution: &InstitutionId,
    now: DateTime<Utc>,
    deliveries: &[DeliveryId],
    reason: &str,
) -> Result<u64, Failure> {
    let transaction = client.transaction().await?;
    let recorded = async {
        let numbers = in_order(deliveries);
        let [numbers] = numbers.parameters();
        let (institution, reason) = (institution.as_str(), encode(reason));
        let parameters: [&(dyn ToSql + Sync); 4] =
            [&milliseconds(now), &reason, &institution, numbers];
        let rows = transaction.rows(&ABANDON, &parameters).await?;
        let lane = |row: &Row| Ok::<_, Failure>((row.try_get(0)?, row.try_get(1)?));
        let lanes = rows.iter().map(lane).collect::<Result<Lanes, _>>()?;
        // What waits for them may be put off for hours: no crash may come between.
        pull(&transaction, now, &lanes).await?;
        Ok::<_, Failure>((rows.len(), lanes))
    };
    let (count, lanes) = recorded.await.map_err(Failure::without_effect)?;
    transaction.commit().await?;
    pull_committed(client, now, &lanes).await;
    Ok(u64::try_from(count).unwrap_or_default())
}

pub(super) async fn redeliver(
    store: &PostgresStore,
    institution: &InstitutionId,
    now: DateTime<Utc>,
    deliveries: &[DeliveryId],
) -> Result<u64> {
    let numbers = in_order(deliveries);
    let [parameter] = numbers.parameters();
    let parameters: [&(dyn ToSql + Sync); 3] =
        [&milliseconds(now), &institution.as_str(), parameter];
    let rows = store.change(&REDELIVER, &parameters).await?;
    if rows.len() < numbers.number.len() {
        store.confirmed().await?;
    }
    Ok(u64::try_from(rows.len()).unwrap_or_default())
}
