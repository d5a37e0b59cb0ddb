//! Acts that are done between their record and its end.

use super::audit::{Act, ActOutcome, Audit};
use super::error::StoreError;

/// Records the act, does it, and records what came of it: what `outcome` says of the answer, or
/// nothing if that is unknown, as after a fault of the store. If the act cannot be recorded, it is
/// not done. If its outcome cannot be recorded, the answer stays, and the act counts as broken off.
///
/// # Errors
/// The error of `doing`, or that the act could not be recorded.
pub fn acting<T, E: From<StoreError>>(
    store: &impl Audit,
    act: Act,
    outcome: impl FnOnce(&Result<T, E>) -> Option<ActOutcome>,
    doing: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, E>> {
    // Boxed here, so that no caller's future grows by it.
    let doing = Box::pin(doing);
    async move {
        let id = Box::pin(store.record_act(act)).await?;
        let answer = doing.await;
        if let Some(outcome) = outcome(&answer) {
            // Without an outcome it is shown as unknown, which is true.
            let _ = Box::pin(store.end_act(id, outcome)).await;
        }
        answer
    }
}
