//! Commands.

use super::Engine;
use super::permission;
use crate::store::{Append, Atomicity, ExecuteError, Receipt, Request, Store, StoreError};

/// A store answers every command. If one had no answer, its outcome would be unknown.
fn no_answer() -> Result<Receipt, ExecuteError> {
    let reason = "the store gave no answer".to_owned();
    Err(StoreError::UnknownOutcome {
        reason,
        cause: None,
    }
    .into())
}

impl<S: Store> Engine<S> {
    /// Carries out one command: with an idempotency key, an expected version or a time of its own.
    ///
    /// Once this answers with a receipt, the transition and its event are durable. A future that is
    /// dropped before it answers leaves it open whether the command was carried out.
    ///
    /// # Errors
    /// [`ExecuteError::Refused`] says why, and nothing was changed; [`ExecuteError::Store`] is what
    /// the store ran into.
    pub async fn execute(&self, request: Request) -> Result<Receipt, ExecuteError> {
        permission::check(&request)?;
        let append = Append {
            request,
            now: self.clock.now(),
        };
        let mut answers = self.store.append(vec![append], Atomicity::Each).await;
        answers.pop().unwrap_or_else(no_answer)
    }

    /// Carries out many commands, each for itself, in order for each application. There are as many
    /// answers, in the same order.
    pub async fn execute_many(&self, requests: Vec<Request>) -> Vec<Result<Receipt, ExecuteError>> {
        let now = self.clock.now();
        let mut answers = Vec::with_capacity(requests.len());
        let mut batch = Vec::with_capacity(requests.len());
        for request in requests {
            match permission::check(&request) {
                // To be replaced by the store's answer.
                Ok(()) => {
                    answers.push(None);
                    batch.push(Append { request, now });
                }
                Err(refusal) => answers.push(Some(Err(refusal.into()))),
            }
        }
        let mut carried_out = self.store.append(batch, Atomicity::Each).await.into_iter();
        let mut next = || carried_out.next().unwrap_or_else(no_answer);
        answers
            .into_iter()
            .map(|answer| answer.unwrap_or_else(&mut next))
            .collect()
    }

    /// Carries out all of the commands or, if one is refused, none. There are as many answers, in
    /// the same order; where one is a refusal, the others are [`ExecuteError::Abandoned`], with the
    /// place of the first that was refused, or refusals as well.
    pub async fn execute_all(&self, requests: Vec<Request>) -> Vec<Result<Receipt, ExecuteError>> {
        let checked: Vec<_> = requests.iter().map(permission::check).collect();
        if let Some(index) = checked.iter().position(Result::is_err) {
            let refused = |check: Result<(), _>| match check {
                Ok(()) => Err(ExecuteError::Abandoned { index }),
                Err(refusal) => Err(ExecuteError::Refused(refusal)),
            };
            return checked.into_iter().map(refused).collect();
        }
        let now = self.clock.now();
        let batch = requests.into_iter().map(|request| Append { request, now });
        self.store.append(batch.collect(), Atomicity::All).await
    }
}
