//! The processor.

use std::future::Future;
use std::sync::Arc;

use super::core::{Goal, Summary};
use super::driver::{self, Parts};
use super::options::ProcessorOptions;
use super::work::Worker;
use crate::engine::Engine;
use crate::store::{StoreError, WorkQueue};

/// Works on the applications in progress (CONTRACT.md, "In progress"), and approves them or fails
/// them. Any number of processors, in any number of processes, may work on one store.
///
/// A processor claims an application under a lease, which it renews, has the backend's
/// [`Worker`] do the work, and records the outcome: the transition that expects the claimed version
/// and the end of the claim are one transaction. If it dies, its leases end and another processor
/// takes over. So work may be done twice, but an application moves on once. An administrator or
/// [`fail_stalled`](Engine::fail_stalled) may fail an application meanwhile: then the outcome is
/// dropped.
///
/// It runs within Tokio; each attempt is a task of its own.
///
/// ```
/// use certificate_lifecycle::engine::Engine;
/// use certificate_lifecycle::processor::{Control, Outcome, Processor, Work};
/// use certificate_lifecycle::store::{Actor, InstitutionId, MemoryStore};
/// # use certificate_lifecycle::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// async fn make_pdf(_title: &str, _key: &str) -> Result<(), std::io::Error> {
///     Ok(())
/// }
///
/// let engine = Engine::new(MemoryStore::new());
/// let institution = InstitutionId::new("example-university")?;
/// # let details = ApplicationDetails::new(ApplicationId::new(42)?,
/// #     uuid::uuid!("9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15"),
/// #     CertificateTitle::new("Certificate of Achievement")?,
/// #     ApplicantEmail::new("john@example.com")?);
/// # let uuid = details.uuid();
/// let jane = Actor::administrator("jane")?;
/// engine.scope(&institution, &jane).upload(details, VaultUpload::Single).await?;
///
/// let processor = Processor::new(engine.clone(), async |work: Work, _: Control| {
///     let title = work.application.details().certificate_title().as_str();
///     match make_pdf(title, &work.idempotency_key()).await {
///         Ok(()) => Outcome::Approve,
///         Err(error) => Outcome::Again(error.to_string()),
///     }
/// });
/// // A service runs it with `run`, until its shutdown.
/// let summary = processor.run_until_idle(std::future::pending()).await?;
/// assert_eq!(summary.approved, 1);
/// let approved = engine.load(&institution, uuid).await?.expect("it is there");
/// assert_eq!(approved.status(), Status::Approved);
/// # Ok(())
/// # }
/// ```
pub struct Processor<S, W> {
    engine: Engine<S>,
    worker: Arc<W>,
    options: Arc<ProcessorOptions>,
}

impl<S: WorkQueue, W: Worker> Processor<S, W> {
    /// A processor with the engine's store and clock.
    #[must_use]
    pub fn new(engine: Engine<S>, worker: W) -> Self {
        Self {
            engine,
            worker: Arc::new(worker),
            options: Arc::new(ProcessorOptions::default().within_limits()),
        }
    }

    /// The same with other options.
    #[must_use]
    pub fn with_options(self, options: ProcessorOptions) -> Self {
        Self {
            options: Arc::new(options.within_limits()),
            ..self
        }
    }

    /// Works until `shutdown` completes. Then the processor claims nothing more, lets what is under
    /// way go on for [`grace`](ProcessorOptions::grace), cancels the rest and gives it back: an
    /// attempt that is interrupted so does not count.
    ///
    /// While the store is unavailable, the processor waits for it, and the work goes on: it may be
    /// that another processor, which has a way to the store, takes it over meanwhile.
    ///
    /// # Errors
    /// A [`StoreError`] that waiting does not cure ([`StoreError::is_lasting`]). After `shutdown`,
    /// also the error that kept the last outcomes from being recorded: this work is done again when
    /// its leases end.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) -> Result<Summary, StoreError> {
        driver::run(self.parts(), Goal::Stop, shutdown).await
    }

    /// The same, but also ends once nothing is in progress: all applications have been approved or
    /// have failed, also those that other processors work on.
    ///
    /// # Errors
    /// See [`run`](Self::run).
    pub async fn run_until_idle(
        &self,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Summary, StoreError> {
        driver::run(self.parts(), Goal::Idle, shutdown).await
    }

    /// The same, but also ends once nothing is due: what is put off to a later time, and what other
    /// processors work on, is left to a later run.
    ///
    /// # Errors
    /// See [`run`](Self::run).
    pub async fn run_once(
        &self,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Summary, StoreError> {
        driver::run(self.parts(), Goal::Once, shutdown).await
    }

    fn parts(&self) -> Parts<'_, S, W> {
        Parts {
            store: self.engine.store(),
            clock: &**self.engine.clock(),
            worker: &self.worker,
            options: &self.options,
        }
    }
}

impl<S: Clone, W> Clone for Processor<S, W> {
    fn clone(&self) -> Self {
        Self {
            engine: self.engine.clone(),
            worker: Arc::clone(&self.worker),
            options: Arc::clone(&self.options),
        }
    }
}

impl<S, W> std::fmt::Debug for Processor<S, W> {
    /// Without the store: a store in memory holds titles and addresses.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Processor")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
