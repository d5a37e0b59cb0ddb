//! The store, as one processor sees it: it fails, forgets to answer, and takes its time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use certificate_lifecycle::AnyApplication;
use certificate_lifecycle::store::*;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::life::Life;
use super::world::others_first;

#[derive(Clone)]
pub struct Faulty {
    pub store: MemoryStore,
    pub bell: MemoryStore,
    pub life: Arc<Life>,
    /// How often the store was called.
    pub calls: Arc<AtomicU64>,
    /// When the processor was stopped.
    pub stopped: Arc<OnceLock<Duration>>,
}

fn away(reason: &str) -> StoreError {
    StoreError::Unavailable {
        reason: reason.to_owned(),
        cause: None,
    }
}

impl Faulty {
    pub fn is_stopped(&self) -> bool {
        self.stopped.get().is_some()
    }

    /// Calls the store. Once it is under way, the call goes on, whatever becomes of the processor.
    async fn call<T: Send + 'static>(
        &self,
        carry_out: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let world = Arc::clone(&self.life.world);
        let calling = async move {
            world.pause(20).await;
            if world.fault("questions lost", 3) {
                return Err(away("lost on its way"));
            }
            world.look().await;
            let answer = carry_out.await;
            world.look().await;
            if world.fault("slow answers", 2) {
                world.pause(800).await;
            }
            world.pause(20).await;
            if world.fault("answers lost", 3) {
                return Err(StoreError::UnknownOutcome {
                    reason: "the answer was lost".to_owned(),
                    cause: None,
                });
            }
            Ok(answer)
        };
        tokio::spawn(calling).await.unwrap()
    }
}

impl certificate_lifecycle::store::sealed::Sealed for Faulty {}

impl Store for Faulty {
    delegate!(append load history feed feed_end);

    fn commits(&self) -> CommitWatch {
        self.bell.commits()
    }

    fn wake(&self) {
        self.bell.wake();
    }
}

impl WorkQueue for Faulty {
    async fn due_work(&self, institution: Option<&InstitutionId>) -> Result<DueWork, StoreError> {
        let (store, institution) = (self.store.clone(), institution.cloned());
        self.call(async move { store.due_work(institution.as_ref()).await })
            .await?
    }

    async fn claim_work(&self, claim: WorkClaim) -> Result<Vec<LeasedWork>, StoreError> {
        // Work of the last claim begins first.
        others_first().await;
        let (store, life, is_stopped) = (
            self.store.clone(),
            Arc::clone(&self.life),
            self.is_stopped(),
        );
        life.world
            .record()
            .check(!is_stopped, || "a claim after the stop".to_owned());
        life.world.record().claiming(&life, &claim);
        let of = Arc::clone(&life);
        let claiming = async move {
            let answer = store.claim_work(claim.clone()).await;
            let leased = answer.as_deref().unwrap_or_default();
            let now = of.world.now();
            of.world.record().claimed(of.number, &claim, leased, now);
            answer
        };
        let leased = self.call(claiming).await??;
        life.world.record().delivered(&life, &leased);
        Ok(leased)
    }

    async fn renew_work(
        &self,
        leases: Vec<WorkLease>,
        until: DateTime<Utc>,
    ) -> Result<Vec<bool>, StoreError> {
        let (store, life) = (self.store.clone(), Arc::clone(&self.life));
        life.world.record().renewing(&life, &leases, until);
        let (of, asked) = (Arc::clone(&life), leases.clone());
        let renewing = async move {
            let answer = store.renew_work(asked.clone(), until).await;
            let are_held = answer.as_deref().unwrap_or_default();
            let now = of.world.now();
            for (lease, is_held) in asked.iter().zip(are_held) {
                of.world.record().renewed(*lease, until, *is_held, now);
            }
            answer
        };
        let are_held = self.call(renewing).await??;
        life.world
            .record()
            .renewal_answered(&life, &leases, &are_held);
        Ok(are_held)
    }

    async fn settle_work(
        &self,
        settlements: Vec<WorkSettlement>,
    ) -> Vec<Result<WorkSettled, ExecuteError>> {
        // Work that was cancelled is dropped first.
        others_first().await;
        let (store, life) = (self.store.clone(), Arc::clone(&self.life));
        life.world
            .record()
            .settling(&life, &settlements, self.is_stopped());
        let (of, all) = (Arc::clone(&life), settlements.clone());
        // Sometimes only some of them are recorded before the store is away.
        let some = if life.world.fault("recorded in part", 5) {
            life.world.below(settlements.len() as u64)
        } else {
            u64::MAX
        };
        let settling = async move {
            let mut answers = Vec::new();
            for (number, it) in (0..).zip(all) {
                if number >= some {
                    answers.push(Err(ExecuteError::Store(away("away in the middle"))));
                    continue;
                }
                let was_held = of.world.record().is_held(it.lease);
                let answer = store.settle_work(vec![it.clone()]).await.remove(0);
                let now = of.world.now();
                of.world
                    .record()
                    .settled(of.number, &it, was_held, &answer, now);
                answers.push(answer);
                of.world.look().await;
            }
            answers
        };
        let answers = self.call(settling).await;
        let answers = answers.unwrap_or_else(|error| {
            let again = |_| {
                Err(ExecuteError::Store(match &error {
                    StoreError::Unavailable { reason, .. } => away(reason),
                    _ => StoreError::UnknownOutcome {
                        reason: "the answer was lost".to_owned(),
                        cause: None,
                    },
                }))
            };
            settlements.iter().map(again).collect()
        });
        life.world
            .record()
            .settlements_answered(&life, &settlements, &answers);
        answers
    }

    async fn work_backlog(
        &self,
        institution: Option<&InstitutionId>,
    ) -> Result<Vec<WorkBacklog>, StoreError> {
        let (store, institution) = (self.store.clone(), institution.cloned());
        self.call(async move { store.work_backlog(institution.as_ref()).await })
            .await?
    }
}
