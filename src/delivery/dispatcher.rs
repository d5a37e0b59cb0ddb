//! The dispatcher.

use std::future::Future;
use std::sync::Arc;

use uuid::Uuid;

use super::core::{Goal, Lease, NextAttempt, Summary};
use super::driver;
use super::effects::Effects;
use super::options::DispatcherOptions;
use super::send::send;
use super::transport::Transport;
use crate::lifecycle::application::Application;
use crate::lifecycle::details::ApplicationDetails;
use crate::lifecycle::value::{ApplicantEmail, ApplicationId, CertificateTitle, InvalidValue};
use crate::store::{Attempt, Clock, DeliveryId, InstitutionId, Outbox, StoreError, SystemClock};

/// Sends the deliveries that are due. Any number of dispatchers, in any number of processes, may
/// work on one store.
///
/// A dispatcher claims deliveries under a lease, commits the claim, sends the requests and records
/// the outcomes. No transaction is open during a request. If a dispatcher dies, its leases end and
/// another one takes over. Delivery is at least once: an event may arrive twice, but is never lost.
///
/// ```no_run
/// use certificate_lifecycle::delivery::{Dispatcher, DispatcherOptions, HttpOptions, HttpTransport};
/// use certificate_lifecycle::store::MemoryStore;
///
/// # async fn example(shutdown: tokio::sync::oneshot::Receiver<()>) -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryStore::new();
/// let transport = HttpTransport::new(HttpOptions::default())?;
/// let dispatcher = Dispatcher::new(store, transport, DispatcherOptions::default());
/// let summary = dispatcher.run(async { drop(shutdown.await) }).await?;
/// println!("{} delivered", summary.delivered);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Dispatcher<S, T> {
    store: S,
    transport: Arc<T>,
    clock: Arc<dyn Clock>,
    options: Arc<DispatcherOptions>,
}

/// Why a test event was not sent.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TestError {
    /// The institution has no such webhook.
    #[error("there is no webhook {0}")]
    UnknownWebhook(Uuid),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<S: Outbox, T: Transport> Dispatcher<S, T> {
    /// A dispatcher with the machine's clock.
    #[must_use]
    pub fn new(store: S, transport: T, options: DispatcherOptions) -> Self {
        Self {
            store,
            transport: Arc::new(transport),
            clock: Arc::new(SystemClock),
            options: Arc::new(options.within_limits()),
        }
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        Self {
            clock: Arc::new(clock),
            ..self
        }
    }

    /// Delivers until `shutdown` completes. Then the dispatcher claims nothing more, finishes the
    /// requests under way and records their outcomes.
    ///
    /// While the store is unavailable, the dispatcher waits for it. If the database refuses to
    /// record an attempt (a constraint or a trigger of its administrator), the outcome is recorded
    /// without its attempt, and the log has an error. If the database refuses that as well, the
    /// delivery is sent again when its lease ends. Other deliveries go on.
    ///
    /// # Errors
    /// A [`StoreError`] that waiting does not cure ([`StoreError::is_lasting`]). After `shutdown`,
    /// also the error that kept the last outcomes from being recorded: these deliveries are sent
    /// again when their leases end.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) -> Result<Summary, StoreError> {
        driver::run(self.effects(), Goal::Stop, shutdown).await
    }

    /// The same, but also ends once nothing is pending, retries included: all deliveries are
    /// delivered or dead.
    ///
    /// # Errors
    /// See [`run`](Self::run). Also [`StoreError::RefusedByDatabase`] if nothing is due any more,
    /// and each webhook with pending deliveries has one whose outcome the database refuses to
    /// record.
    pub async fn run_until_idle(
        &self,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Summary, StoreError> {
        driver::run(self.effects(), Goal::Idle, shutdown).await
    }

    /// Sends a test event once to a webhook of the institution, even to a disabled one, and returns
    /// the attempt. The event is of an application that does not exist; `application` is its UUID.
    /// Pass a new one each time: receivers ignore an event that they have seen.
    ///
    /// # Errors
    /// [`TestError`]. A failed request is no error: the [`Attempt`] reports it.
    pub async fn send_test(
        &self,
        institution: &InstitutionId,
        webhook: Uuid,
        application: Uuid,
    ) -> Result<Attempt, TestError> {
        let known = self.store.webhook(institution, webhook).await?;
        let known = known.ok_or(TestError::UnknownWebhook(webhook))?;
        let now = self.clock.now();
        let Ok(details) = example(application) else {
            // The example is within the limits of the contract.
            unreachable!()
        };
        let attempt = NextAttempt {
            webhook: Arc::new(known),
            event: Application::submit(details, now).event,
            lease: Lease {
                id: DeliveryId(0),
                token: 0,
                earlier_attempts: 0,
                created_at: now,
            },
            claimed_at: now,
        };
        let sent = send(&*self.transport, &*self.clock, &self.options, attempt).await;
        Ok(sent.attempt)
    }

    fn effects(&self) -> Effects<'_, S, T> {
        Effects {
            store: &self.store,
            transport: &self.transport,
            clock: &*self.clock,
            options: &self.options,
        }
    }
}

fn example(application: Uuid) -> Result<ApplicationDetails, InvalidValue> {
    Ok(ApplicationDetails::new(
        ApplicationId::new(1)?,
        application,
        CertificateTitle::new("Test event")?,
        ApplicantEmail::new("test@example.com")?,
    ))
}

impl<S, T> std::fmt::Debug for Dispatcher<S, T> {
    /// Without the store: a store in memory holds titles and addresses.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dispatcher")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
