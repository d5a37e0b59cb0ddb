//! Commands.

use chrono::{DateTime, Utc};

use super::Engine;
use super::permission;
use crate::store::{Append, Atomicity, ExecuteError, Receipt, Request, Store, StoreError};

/// A store answers every command. If one had no answer, its outcome would be unknown.
pub(super) fn no_answer() -> Result<Receipt, ExecuteError> {
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
        let (batch, checked) = Checked::each(requests, self.clock.now());
        checked.answers(self.store.append(batch, Atomicity::Each).await)
    }

    /// Carries out all of the commands or, if one is refused, none. There are as many answers, in
    /// the same order; where one is a refusal, the others are [`ExecuteError::Abandoned`], with the
    /// place of the first that was refused, or refusals as well.
    pub async fn execute_all(&self, requests: Vec<Request>) -> Vec<Result<Receipt, ExecuteError>> {
        let (batch, checked) = Checked::all(requests, self.clock.now());
        checked.answers(self.store.append(batch, Atomicity::All).await)
    }
}

/// The answers to commands, as far as they are known before the store is asked.
pub(super) struct Checked(Vec<Option<ExecuteError>>);

impl Checked {
    /// The commands that are permitted, for the store.
    pub(super) fn each(requests: Vec<Request>, now: DateTime<Utc>) -> (Vec<Append>, Self) {
        let (mut batch, mut known) = (Vec::with_capacity(requests.len()), Vec::new());
        for request in requests {
            let refused = permission::check(&request).err();
            if refused.is_none() {
                batch.push(Append { request, now });
            }
            known.push(refused.map(ExecuteError::from));
        }
        (batch, Self(known))
    }

    /// The same of commands that stand or fall together: none, if one is not permitted.
    pub(super) fn all(requests: Vec<Request>, now: DateTime<Utc>) -> (Vec<Append>, Self) {
        let (batch, Self(mut known)) = Self::each(requests, now);
        let Some(index) = known.iter().position(Option::is_some) else {
            return (batch, Self(known));
        };
        for other in known.iter_mut().filter(|it| it.is_none()) {
            *other = Some(ExecuteError::Abandoned { index });
        }
        (Vec::new(), Self(known))
    }

    /// The answers to all of the commands, with those of the store.
    pub(super) fn answers(
        self,
        carried_out: Vec<Result<Receipt, ExecuteError>>,
    ) -> Vec<Result<Receipt, ExecuteError>> {
        let mut carried_out = carried_out.into_iter();
        let answer = |known: Option<ExecuteError>| match known {
            Some(error) => Err(error),
            None => carried_out.next().unwrap_or_else(no_answer),
        };
        self.0.into_iter().map(answer).collect()
    }
}
