//! A backend that embeds the engine: its way to the store, on which commands and receipts are lost.

use std::sync::Arc;

use certificate_lifecycle::AnyApplication;
use certificate_lifecycle::store::*;
use uuid::Uuid;

use crate::driver::join;
use crate::world::World;

/// The store, as the engine of one backend sees it.
#[derive(Clone)]
pub struct Backend {
    pub store: MemoryStore,
    pub world: Arc<World>,
}

impl Backend {
    /// Commands arrive, and are carried out, also if their sender waits no more.
    async fn carry_out(
        self,
        batch: Vec<Append>,
        atomicity: Atomicity,
    ) -> Vec<Result<Receipt, ExecuteError>> {
        self.world.pause(20).await;
        let answers = self.store.append(batch.clone(), atomicity).await;
        let webhooks = self.store.webhooks(None).await.unwrap();
        for (append, answer) in batch.iter().zip(&answers) {
            let request = &append.request;
            self.world.step(&(request.operation.name(), request.uuid()));
            self.world.record().commanded(request, answer, &webhooks);
        }
        if answers.iter().any(Result::is_ok) {
            self.world.ring().await;
        }
        answers
    }

    fn loses(&self, what: &'static str) -> bool {
        let loses = self.world.is_faulty() && self.world.percent(5);
        if loses {
            self.world.count(what);
        }
        loses
    }
}

impl certificate_lifecycle::store::sealed::Sealed for Backend {}

impl Store for Backend {
    delegate!(load history feed feed_end wake);

    async fn append(
        &self,
        batch: Vec<Append>,
        atomicity: Atomicity,
    ) -> Vec<Result<Receipt, ExecuteError>> {
        let all = |error: StoreError| vec![Err(ExecuteError::Store(error)); batch.len()];
        self.world.pause(20).await;
        if self.loses("commands lost") {
            return all(StoreError::Unavailable {
                reason: "lost on its way".to_owned(),
                cause: None,
            });
        }
        let carrying = self.clone().carry_out(batch.clone(), atomicity);
        let answers = join(tokio::spawn(carrying)).await;
        self.world.pause(20).await;
        if self.loses("receipts lost") {
            return all(StoreError::UnknownOutcome {
                reason: "the receipt was lost".to_owned(),
                cause: None,
            });
        }
        answers
    }
}
