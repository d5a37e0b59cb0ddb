//! Acts that are done between their record and its end.

use super::{Act, ActOutcome, Audit};
use crate::store::error::StoreError;

/// An answer or an error that says what came of the act.
pub trait Acting {
    /// What came of the act; none if that is unknown, as after a fault of the store.
    fn outcome(&self) -> Option<ActOutcome>;
}

/// Records the act, does it, and records what came of it. If the act cannot be recorded, it is not
/// done. The answer of what was done stays if its outcome cannot be recorded: the act then counts as
/// broken off.
///
/// # Errors
/// The error of `doing`, or that the act could not be recorded.
pub async fn acting<S: Audit, T, E>(
    store: &S,
    act: Act,
    doing: impl Future<Output = Result<T, E>>,
) -> Result<T, E>
where
    E: From<StoreError>,
    Result<T, E>: Acting,
{
    let id = store.record_act(act).await?;
    let answer = doing.await;
    if let Some(outcome) = answer.outcome() {
        // The act has an answer already, and what has no outcome is shown as unknown.
        let _ = store.end_act(id, outcome).await;
    }
    answer
}
