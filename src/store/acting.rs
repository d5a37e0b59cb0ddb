//! Acts that are done between their record and its end.

use super::audit::{Act, ActOutcome, Audit};
use super::error::StoreError;

/// Records the act, does it, and records what came of it: what `outcome` says of the answer, or
/// nothing if that is unknown, as after a fault of the store. If the act cannot be recorded, it is
/// not done. If its outcome cannot be recorded, the answer stays, and the act counts as broken off.
///
/// # Errors
/// The error of `doing`, or that the act could not be recorded.
pub async fn acting<T, E: From<StoreError>>(
    store: &impl Audit,
    act: Act,
    outcome: impl FnOnce(&Result<T, E>) -> Option<ActOutcome>,
    doing: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let id = store.record_act(act).await?;
    let answer = doing.await;
    if let Some(outcome) = outcome(&answer) {
        // Without an outcome it is shown as unknown, which is true.
        let _ = store.end_act(id, outcome).await;
    }
    answer
}
