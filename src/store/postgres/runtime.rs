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
