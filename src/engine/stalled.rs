//! Work that got stuck.

use std::time::Duration;

use super::Engine;
use crate::lengths::earlier;
use crate::lifecycle::action::Command;
use crate::lifecycle::any::AnyApplication;
use crate::lifecycle::value::ProcessingError;
use crate::store::{
    Actor, ExecuteError, Filter, InstitutionId, ListQuery, PageKey, Queries, Receipt, Refusal,
    Request, StoreError,
};

/// How many applications are looked at and failed at once.
const PAGE: u32 = 256;

/// [`Engine::fail_stalled`] did not come to its end.
#[derive(Debug, Clone, thiserror::Error)]
#[error("interrupted after {} stalled applications were failed", failed.len())]
#[non_exhaustive]
pub struct FailStalledError {
    /// What was failed nevertheless, and stays failed.
    pub failed: Vec<Receipt>,
    /// What came in between: [`Refusal::Forbidden`] for an actor who is not the system, or what the
    /// store ran into. [`StoreError::Corrupt`] is the first of the applications that could not be
    /// failed because of it; all others were.
    #[source]
    pub error: ExecuteError,
}

impl<S: Queries> Engine<S> {
    /// One page of the applications that background work has owned for longer than this
    /// (CONTRACT.md, "In progress"): those whose last event lies that far back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stalled(
        &self,
        institution: &InstitutionId,
        older_than: Duration,
        after: Option<PageKey>,
        limit: u32,
    ) -> Result<crate::store::Page, StoreError> {
        let before = earlier(self.clock.now(), older_than);
        let filter = Filter::all().in_progress().updated_before(before);
        let query = ListQuery::new(institution.clone()).filter(filter);
        self.list(query.after(after).limit(limit)).await
    }

    /// Fails every application that is [`stalled`](Self::stalled), and answers with their events.
    ///
    /// Each is failed at the version at which it was found stuck: what moved on meanwhile is left
    /// alone, so that several may do this at once. What is corrupt keeps no other from being
    /// failed.
    ///
    /// # Errors
    /// [`FailStalledError`], with those that were failed: they stay failed.
    pub async fn fail_stalled(
        &self,
        institution: &InstitutionId,
        actor: &Actor,
        older_than: Duration,
        error: &ProcessingError,
    ) -> Result<Vec<Receipt>, FailStalledError> {
        let mut failed = Vec::new();
        let mut after = None;
        let mut corrupt: Option<ExecuteError> = None;
        loop {
            let page = match self.stalled(institution, older_than, after, PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    let error = error.into();
                    return Err(FailStalledError { failed, error });
                }
            };
            let fail = |it: &AnyApplication| {
                let command = Command::Fail(error.clone());
                let uuid = it.details().uuid();
                Request::transition(institution.clone(), actor.clone(), uuid, command)
                    .expecting(it.version())
            };
            let requests = page.applications.iter().map(fail).collect();
            let mut first_error = None;
            corrupt = corrupt.or(page.corrupt.into_iter().next().map(ExecuteError::from));
            for answer in self.execute_many(requests).await {
                match answer {
                    Ok(receipt) => failed.push(receipt),
                    Err(ExecuteError::Refused(Refusal::Conflict { .. })) => {}
                    // Not every store sees it in a list.
                    Err(error @ ExecuteError::Store(StoreError::Corrupt { .. })) => {
                        corrupt = corrupt.or(Some(error));
                    }
                    Err(error) => first_error = first_error.or(Some(error)),
                }
            }
            if let Some(error) = first_error {
                return Err(FailStalledError { failed, error });
            }
            after = page.next;
            if after.is_none() {
                return match corrupt {
                    None => Ok(failed),
                    Some(error) => Err(FailStalledError { failed, error }),
                };
            }
        }
    }
}
