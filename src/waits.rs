//! What the drivers of a dispatcher and of a processor wait for.

use std::future::pending;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

use crate::store::CommitWatch;

/// Waits for the next commit.
pub(crate) fn wait(mut wake: CommitWatch) -> BoxFuture<'static, CommitWatch> {
    async move {
        wake.wait().await;
        wake
    }
    .boxed()
}

/// The result of the future, once there is one.
pub(crate) async fn ready<T>(slot: &mut Option<BoxFuture<'_, T>>) -> T {
    let Some(future) = slot else {
        return pending().await;
    };
    let result = future.await;
    *slot = None;
    result
}

/// The time, once there is one.
pub(crate) async fn until(time: Option<std::time::Instant>) {
    match time {
        Some(time) => sleep_until(Instant::from_std(time)).await,
        None => pending().await,
    }
}
