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
use crate::lifecycle::application::{Application, ApplicationDetails};
use crate::lifecycle::value::{ApplicantEmail, ApplicationId, CertificateTitle, InvalidValue};
use crate::store::{Attempt, Clock, DeliveryId, InstitutionId, Outbox, StoreError, SystemClock};

/// Sends what is due, over and over: any number of dispatchers, in any number of processes, may
/// work on one store.
///
/// It claims deliveries under a lease, commits that, sends them, and records what came of it; no
/// transaction is ever open across a request. Whatever dispatcher dies, its leases end and another
/// one takes over: an event may then arrive twice, and never not at all.
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
    /// The store could not be asked.
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

    /// The same with a clock of the caller's.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        Self {
            clock: Arc::new(clock),
            ..self
        }
    }

    /// Delivers until `shutdown` is over; then nothing more is claimed, and what is under way is
    /// finished and recorded.
    ///
    /// A store that is away for a while is waited for. An attempt that the database refuses (a
    /// constraint or a trigger of its administrator) is left out of the record of its delivery,
    /// with an error in the log. Where the database refuses that as well, the delivery is sent
    /// again when its lease ends. Other deliveries go on.
    ///
    /// # Errors
    /// What does not go away by waiting ([`StoreError::is_lasting`]). After `shutdown`, also what
    /// kept it from recording the last outcomes: they are sent again when their leases have ended.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) -> Result<Summary, StoreError> {
        driver::run(self.effects(), Goal::Stop, shutdown).await
    }

    /// The same, but also over when nothing is pending any more: all is delivered or dead. What
    /// waits for its next attempt is waited for.
    ///
    /// # Errors
    /// See [`run`](Self::run). Also [`StoreError::RefusedByDatabase`] where nothing is due any
    /// more, and each webhook with something pending has a delivery whose outcome the database
    /// refuses to record.
    pub async fn run_until_idle(
        &self,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Summary, StoreError> {
        driver::run(self.effects(), Goal::Idle, shutdown).await
    }

    /// Sends an event of an application that does not exist, once, to a webhook of the institution,
    /// and says what came of it; also to a webhook that is disabled. `application` becomes the
    /// identity of that application: take a new one each time, or receivers think that they have
    /// seen it.
    ///
    /// # Errors
    /// [`TestError`]. That the receiver refuses it is no error, but what [`Attempt`] tells.
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
    /// Not the store: one in memory has titles and addresses.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dispatcher")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
