//! The runtime that a store lives on.

use std::sync::{Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle};

use crate::store::{Result, StoreError};

/// Where connections and workers run: not with the caller, whose runtime may end while
/// others wait for the same answer. It is the runtime that the store was opened on; if that is
/// gone, the one of the next caller.
pub(super) struct Home(Mutex<Residence>);

struct Residence {
    runtime: Handle,
    /// Ends only with the runtime.
    resident: AbortHandle,
}

impl Residence {
    fn at(runtime: Handle) -> Self {
        let resident = runtime.spawn(std::future::pending::<()>()).abort_handle();
        Self { runtime, resident }
    }
}

impl Drop for Residence {
    fn drop(&mut self) {
        self.resident.abort();
    }
}

impl Home {
    /// The runtime of the caller.
    pub(super) fn here() -> Result<Self> {
        let runtime =
            Handle::try_current().map_err(|error| StoreError::unavailable(error.to_string()))?;
        Ok(Self(Mutex::new(Residence::at(runtime))))
    }

    pub(super) fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.runtime().spawn(task)
    }

    /// What a task comes to, which ends with the caller; none where the runtime has ended.
    pub(super) async fn run<F>(&self, task: F) -> Option<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Owned::new(self.spawn(task)).result().await
    }

    fn runtime(&self) -> Handle {
        let mut residence = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if residence.resident.is_finished()
            && let Ok(runtime) = Handle::try_current()
        {
            *residence = Residence::at(runtime);
        }
        residence.runtime.clone()
    }
}

/// A task that ends with its owner.
pub(super) struct Owned<T>(Option<JoinHandle<T>>);

impl<T> Owned<T> {
    pub(super) const fn new(task: JoinHandle<T>) -> Self {
        Self(Some(task))
    }

    /// The task, which ends by itself from here on.
    pub(super) const fn release(&mut self) -> Option<JoinHandle<T>> {
        self.0.take()
    }

    /// What it comes to; none where the runtime has ended.
    pub(super) async fn result(&mut self) -> Option<T> {
        self.0.as_mut()?.await.ok()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}
