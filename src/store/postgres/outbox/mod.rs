//! The store as an outbox.

pub(super) mod claim;
pub(super) mod deliveries;
mod hint;
mod numbers;
mod pools;
pub(super) mod prune;
pub(super) mod replay;
pub(super) mod settle;
pub(super) mod webhooks;

use std::time::{Duration, Instant};

use super::session::Session;
use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

pub(super) use self::hint::DueHints;
use self::numbers::Numbers;
pub(super) use self::numbers::milliseconds;
pub(super) use self::pools::OutboxPools;
use super::PostgresStore;
use super::connections::Connections;
use super::failure::{Failure, impatient, in_time};
use super::pause::{MOST_ATTEMPTS, pause};
use crate::store::{
    Attempt, Backlog, Claim, ClaimedBatch, Delivery, DeliveryFilter, DeliveryId, DeliveryPage, Due,
    HealthChange, InstitutionId, LeasedDelivery, Outbox, Outcome, Put, Replay, Replayed, Result,
    Settlement, StoreError, Webhook,
};

/// How long it may take to give back what was claimed.
pub(super) const RELEASE: Duration = Duration::from_secs(5);

/// How long to wait before a connection is asked for again.
const RECONNECT: Duration = Duration::from_millis(100);

/// The tries of something that may lose a deadlock.
pub(super) struct Tries<'s> {
    pool: &'s Connections,
    /// For each try.
    pub(super) limit: Duration,
    made: u32,
    since: Instant,
    /// For how long it is made again where it was not sent, or only read.
    patience: Duration,
}

impl Tries<'_> {
    /// A connection; while there is none, it is asked for again, as long as the patience lasts.
    pub(super) async fn session(&self) -> Result<Session> {
        loop {
            match self.pool.get().await {
                Err(failure) if self.may_wait(&failure) => tokio::time::sleep(RECONNECT).await,
                Err(failure) => return Err(impatient(failure.into_error(), self.patience)),
                Ok(session) => return Ok(session),
            }
        }
    }

    /// Whether what was not carried out for want of a server is to be tried again.
    fn may_wait(&self, failure: &Failure) -> bool {
        let is_unsent = matches!(failure, Failure::Unsent(error) if !error.is_lasting());
        is_unsent && self.since.elapsed() < self.patience
    }

    /// What a try ended with; none if it is to be made again. A connection that is lost, or does
    /// not answer, is given up.
    pub(super) async fn end<T>(
        &mut self,
        client: Session,
        outcome: Result<T, Failure>,
    ) -> Option<Result<T>> {
        self.made += 1;
        match outcome {
            Ok(answer) => match client.check() {
                Ok(()) => Some(Ok(answer)),
                Err(failure) => {
                    client.give_up();
                    Some(Err(failure.into_error()))
                }
            },
            Err(Failure::Again(_)) if self.made < MOST_ATTEMPTS => {
                drop(client);
                tokio::time::sleep(pause(self.made)).await;
                None
            }
            Err(failure) => {
                if failure.is_of_the_connection() {
                    client.give_up();
                }
                if self.may_wait(&failure) {
                    tokio::time::sleep(RECONNECT).await;
                    return None;
                }
                Some(Err(failure.into_error()))
            }
        }
    }
}

impl PostgresStore {
    pub(super) fn tries(&self) -> Tries<'_> {
        Tries {
            pool: &self.shared.outbox.writers,
            limit: self.shared.options.answer_timeout,
            made: 0,
            since: Instant::now(),
            patience: self.shared.target.patience(&self.shared.options),
        }
    }

    /// The same, for a dispatcher, which tries again by itself.
    pub(super) fn tries_of_a_dispatcher(&self) -> Tries<'_> {
        Tries {
            pool: &self.shared.outbox.delivering,
            patience: Duration::ZERO,
            ..self.tries()
        }
    }

    /// Carries out something until it has an answer: again where it lost a deadlock, or found no
    /// server. An attempt gives back its session.
    pub(super) async fn retry<T, F>(
        &self,
        mut tries: Tries<'_>,
        attempt: impl Fn(Session) -> F,
    ) -> Result<T>
    where
        F: Future<Output = (Session, Result<T, Failure>)>,
    {
        loop {
            let (session, outcome) = attempt(tries.session().await?).await;
            if let Some(answer) = tries.end(session, outcome).await {
                return answer;
            }
        }
    }

    /// Gives back what was claimed and is not to be sent. If it fails, the leases end.
    async fn release(&self, now: DateTime<Utc>, batch: &ClaimedBatch) {
        let released = |it: &LeasedDelivery| Settlement::new(it.id, it.token, Outcome::Released);
        let settlements = batch.deliveries.iter().map(released);
        let released = self.settle(now, settlements.collect(), Vec::new());
        drop(tokio::time::timeout(RELEASE, released).await);
    }

    /// Waits until what others have committed cannot be lost in a failover, before it is answered.
    pub(super) async fn confirmed(&self) -> Result<()> {
        let tries = self.tries();
        let client = tries.session().await?;
        let confirmed = client.confirm(tries.limit).await;
        if confirmed.as_ref().is_err_and(Failure::is_of_the_connection) {
            client.give_up();
        }
        confirmed.map_err(|failure| failure.without_effect().into_error())
    }

    /// One statement that changes something, on disk when it is answered.
    pub(super) async fn change(
        &self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>> {
        let tries = self.tries();
        let limit = tries.limit;
        let change = |session: Session| async move {
            let changed = in_time(limit, async {
                let statement = session.prepare_cached(sql).await;
                let statement = statement.map_err(|it| Failure::from(it).without_effect())?;
                Ok(session.query(&statement, parameters).await?)
            });
            let changed = changed.await;
            (session, changed)
        };
        self.retry(tries, change).await
    }

    /// Carries out something of several steps as a task of its own. Who does much beside it, as a
    /// dispatcher does, would let the server wait between the steps.
    async fn apart<T, F>(&self, task: impl FnOnce(Self) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let done = self.shared.home.run(Box::pin(task(self.clone()))).await;
        done.unwrap_or_else(|| Err(StoreError::unknown_outcome("the store's runtime has ended")))
    }

    /// Wakes the dispatchers that wait for deliveries, here and elsewhere.
    fn wake_dispatchers(&self) {
        self.shared.commits.send_replace(());
        // If one is under way already, it comes after this commit.
        let _ = self.shared.outbox.tell.try_send(());
    }
}

impl Outbox for PostgresStore {
    async fn add_webhook(&self, webhook: Webhook) -> Result<bool> {
        webhooks::add(self, &webhook.registered()).await
    }

    async fn put_webhook(&self, webhook: Webhook) -> Result<Put> {
        let put = webhooks::put(self, &webhook).await?;
        // One that was enabled may have something pending.
        self.wake_dispatchers();
        Ok(put)
    }

    async fn webhook(&self, institution: &InstitutionId, id: Uuid) -> Result<Option<Webhook>> {
        let one = async |reader: &Session| webhooks::one(reader, institution, id).await;
        let (reader, webhook) = self.ask(self.reader().await?, one).await?;
        // A caller that finds it as wanted does not change it, and relies on it.
        let confirmed = reader.confirm(self.shared.options.answer_timeout).await;
        confirmed.map_err(|failure| failure.without_effect().into_error())?;
        Ok(webhook)
    }

    async fn webhooks(&self, institution: Option<&InstitutionId>) -> Result<Vec<Webhook>> {
        self.read(async |reader| webhooks::all(reader, institution).await)
            .await
    }

    async fn remove_webhook(&self, institution: &InstitutionId, id: Uuid) -> Result<bool> {
        webhooks::remove(self, institution, id).await
    }

    async fn due(&self) -> Result<Vec<Due>> {
        let session = self.tries_of_a_dispatcher().session().await?;
        let due = async |session: &Session| claim::due(session).await;
        self.ask(session, due).await.map(|(_, due)| due)
    }

    async fn claim(&self, claim: Claim) -> Result<ClaimedBatch> {
        self.apart(|store| async move {
            let mut tries = store.tries_of_a_dispatcher();
            loop {
                let mut client = tries.session().await?;
                let claimed = Box::pin(claim::claim(
                    &mut client,
                    &store.shared.outbox.hints,
                    &claim,
                ));
                let outcome = match in_time(tries.limit, claimed).await {
                    // Nothing is sent that a failover could take back.
                    Ok((batch, Some(last))) => {
                        match client.confirm_up_to(last, tries.limit).await {
                            Ok(()) => Ok(batch),
                            Err(failure) => {
                                client.give_up();
                                store.release(claim.now, &batch).await;
                                return Err(failure.into_error());
                            }
                        }
                    }
                    Ok((batch, None)) => Ok(batch),
                    Err(failure) => Err(failure),
                };
                if let Some(answer) = tries.end(client, outcome).await {
                    return answer;
                }
            }
        })
        .await
    }

    async fn settle(
        &self,
        now: DateTime<Utc>,
        settlements: Vec<Settlement>,
        health: Vec<(Uuid, HealthChange)>,
    ) -> Result<Vec<bool>> {
        self.apart(|store| async move {
            let again = settlements.iter().map(|it| match it.outcome {
                Outcome::Retry { at } => at.min(now),
                _ => now,
            });
            let again = milliseconds(again.min().unwrap_or(now));
            let tries = store.tries_of_a_dispatcher();
            let (limit, settlements, health) = (tries.limit, &settlements, &health);
            let settle = |mut session: Session| async move {
                let settled = settle::settle(&mut session, now, settlements, health);
                let settled = in_time(limit, settled).await;
                (session, settled)
            };
            let settled = store.retry(tries, settle).await;
            // Also if its outcome is unknown.
            store.shared.outbox.hints.due_at(again);
            settled
        })
        .await
    }

    async fn deliveries(
        &self,
        institution: Option<&InstitutionId>,
        filter: DeliveryFilter,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Result<DeliveryPage> {
        self.read(async |reader| deliveries::list(reader, institution, &filter, after, limit).await)
            .await
    }

    async fn delivery(
        &self,
        institution: &InstitutionId,
        id: DeliveryId,
    ) -> Result<Option<Delivery>> {
        self.read(async |reader| deliveries::one(reader, institution, id).await)
            .await
    }

    async fn attempts(
        &self,
        institution: &InstitutionId,
        delivery: DeliveryId,
    ) -> Result<Vec<Attempt>> {
        self.read(async |reader| deliveries::attempts(reader, institution, delivery).await)
            .await
    }

    async fn redeliver(
        &self,
        institution: &InstitutionId,
        now: DateTime<Utc>,
        deliveries: Vec<DeliveryId>,
    ) -> Result<u64> {
        let count = settle::redeliver(self, institution, now, &deliveries).await?;
        self.shared.outbox.hints.due_at(milliseconds(now));
        self.wake_dispatchers();
        Ok(count)
    }

    async fn replay(
        &self,
        institution: &InstitutionId,
        now: DateTime<Utc>,
        replay: Replay,
    ) -> Result<Option<Replayed>> {
        if replay.is_dry_run {
            let count = async |it: &Session| replay::count(it, institution, &replay).await;
            return self.read(count).await;
        }
        let replayed = replay::make(self, institution, now, &replay).await?;
        self.shared.outbox.hints.due_at(milliseconds(now));
        self.wake_dispatchers();
        Ok(replayed)
    }

    async fn abandon(
        &self,
        institution: &InstitutionId,
        now: DateTime<Utc>,
        deliveries: Vec<DeliveryId>,
        reason: String,
    ) -> Result<u64> {
        let tries = self.tries();
        let (limit, numbers, reason) = (tries.limit, &deliveries, &reason);
        let abandon = |mut session: Session| async move {
            let abandoned = settle::abandon(&mut session, institution, now, numbers, reason);
            let abandoned = in_time(limit, abandoned).await;
            (session, abandoned)
        };
        let answer = self.retry(tries, abandon).await;
        self.shared.outbox.hints.due_at(milliseconds(now));
        // What waited for them may be due by now.
        self.wake_dispatchers();
        if answer
            .as_ref()
            .is_ok_and(|it| *it < deliveries.len() as u64)
        {
            self.confirmed().await?;
        }
        answer
    }

    async fn prune(&self, before: DateTime<Utc>, limit: u32) -> Result<u64> {
        prune::prune(self, before, limit).await
    }

    async fn backlog(&self, institution: Option<&InstitutionId>) -> Result<Vec<Backlog>> {
        self.read(async |reader| deliveries::backlog(reader, institution).await)
            .await
    }
}
