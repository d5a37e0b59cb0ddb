//! Commands of one actor in one institution.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Engine;
use crate::lifecycle::action::Command;
use crate::lifecycle::details::ApplicationDetails;
use crate::lifecycle::source::VaultUpload;
use crate::lifecycle::value::{ProcessingError, RejectionReason};
use crate::store::{
    Actor, Atomicity, ExecuteError, IdempotencyKey, InstitutionId, Operation, Receipt, Request,
    Store,
};

/// One actor in one institution: each verb is a command, which takes only what differs.
///
/// ```
/// use certificate_lifecycle::engine::Engine;
/// use certificate_lifecycle::store::{Actor, IdempotencyKey, InstitutionId, MemoryStore};
/// # use certificate_lifecycle::{
/// #     ApplicantEmail, ApplicationDetails, ApplicationId, CertificateTitle, RejectionReason,
/// # };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let details = ApplicationDetails::new(ApplicationId::new(42)?, uuid::Uuid::nil(),
/// #     CertificateTitle::new("Certificate of Achievement")?,
/// #     ApplicantEmail::new("john@example.com")?);
/// # let uuid = details.uuid();
/// let engine = Engine::new(MemoryStore::new());
/// let institution = InstitutionId::new("example-university")?;
/// let (john, jane) = (Actor::customer("john")?, Actor::administrator("jane")?);
///
/// engine.scope(&institution, &john).submit(details).await?;
/// let receipt = engine
///     .scope(&institution, &jane)
///     .reject(uuid, RejectionReason::new("Duplicate certificate")?)
///     .expecting(1)
///     .with_key(IdempotencyKey::new("click-7")?)
///     .await?;
/// assert_eq!(receipt.event.version(), 2);
/// # Ok(())
/// # }
/// ```
pub struct Scope<'e, S> {
    engine: &'e Engine<S>,
    institution: &'e InstitutionId,
    actor: &'e Actor,
}

impl<S: Store> Engine<S> {
    /// The commands of this actor in this institution.
    #[must_use]
    pub const fn scope<'e>(
        &'e self,
        institution: &'e InstitutionId,
        actor: &'e Actor,
    ) -> Scope<'e, S> {
        Scope {
            engine: self,
            institution,
            actor,
        }
    }
}

impl<'e, S: Store> Scope<'e, S> {
    /// A customer submits an application, or the system on their behalf.
    pub fn submit(&self, details: impl Into<Arc<ApplicationDetails>>) -> ScopedCommand<'e, S> {
        self.command(Operation::Submit(details.into()))
    }

    /// An administrator uploads into the institution's vault.
    pub fn upload(
        &self,
        details: impl Into<Arc<ApplicationDetails>>,
        upload: VaultUpload,
    ) -> ScopedCommand<'e, S> {
        self.command(Operation::Upload(details.into(), upload))
    }

    /// An administrator accepts a customer's application.
    pub fn begin_processing(&self, uuid: Uuid) -> ScopedCommand<'e, S> {
        self.act(uuid, Command::BeginProcessing)
    }

    /// Background processing succeeded.
    pub fn approve(&self, uuid: Uuid) -> ScopedCommand<'e, S> {
        self.act(uuid, Command::Approve)
    }

    /// An administrator declines a customer's application.
    pub fn reject(&self, uuid: Uuid, reason: RejectionReason) -> ScopedCommand<'e, S> {
        self.act(uuid, Command::Reject(reason))
    }

    /// Background processing hit a critical error.
    pub fn fail(&self, uuid: Uuid, error: ProcessingError) -> ScopedCommand<'e, S> {
        self.act(uuid, Command::Fail(error))
    }

    /// An administrator re-initiates processing after a failure.
    pub fn retry(&self, uuid: Uuid) -> ScopedCommand<'e, S> {
        self.act(uuid, Command::Retry)
    }

    /// A command that is known at run time only.
    pub fn act(&self, uuid: Uuid, command: Command) -> ScopedCommand<'e, S> {
        self.command(Operation::Act {
            uuid,
            command,
            expected_version: None,
        })
    }

    /// An administrator uploads many into the institution's vault, with one durable commit or few.
    /// There are as many answers, in the same order: see [`Engine::execute_many`] and
    /// [`Engine::execute_all`].
    pub async fn upload_many(
        &self,
        uploads: Vec<ApplicationDetails>,
        atomicity: Atomicity,
    ) -> Vec<Result<Receipt, ExecuteError>> {
        let upload = |details: ApplicationDetails| {
            self.request(Operation::Upload(details.into(), VaultUpload::Bulk))
        };
        let requests = uploads.into_iter().map(upload).collect();
        match atomicity {
            Atomicity::Each => self.engine.execute_many(requests).await,
            Atomicity::All => self.engine.execute_all(requests).await,
        }
    }

    fn request(&self, operation: Operation) -> Request {
        Request::new(self.institution.clone(), self.actor.clone(), operation)
    }

    fn command(&self, operation: Operation) -> ScopedCommand<'e, S> {
        ScopedCommand {
            engine: self.engine,
            request: self.request(operation),
        }
    }
}

/// A command of a [`Scope`], to be awaited. It does nothing until then.
///
/// It ends as [`Engine::execute`] does, with the same errors.
#[must_use = "a command does nothing until it is awaited"]
pub struct ScopedCommand<'e, S> {
    engine: &'e Engine<S>,
    request: Request,
}

impl<'e, S> ScopedCommand<'e, S> {
    /// The same, for a caller who has seen this version: any other is a conflict. A creation
    /// expects none, and stays as it is.
    pub fn expecting(mut self, version: u64) -> Self {
        self.request = self.request.expecting(version);
        self
    }

    /// The same, repeatable by this key.
    pub fn with_key(mut self, key: IdempotencyKey) -> Self {
        self.request = self.request.with_key(key);
        self
    }

    /// The same, happened at this time. An earlier time than that of the application's last event
    /// is refused.
    pub fn at(mut self, at: DateTime<Utc>) -> Self {
        self.request = self.request.at(at);
        self
    }

    /// The request, for [`Engine::execute_many`] and [`Engine::execute_all`].
    #[must_use]
    pub fn into_request(self) -> Request {
        self.request
    }

    pub(super) fn into_parts(self) -> (&'e Engine<S>, Request) {
        (self.engine, self.request)
    }
}

impl<'e, S: Store> IntoFuture for ScopedCommand<'e, S> {
    type Output = Result<Receipt, ExecuteError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'e>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.engine.execute(self.request))
    }
}

impl<S> Clone for Scope<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Scope<'_, S> {}

impl<S> fmt::Debug for Scope<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("institution", self.institution)
            .field("actor", self.actor)
            .finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for ScopedCommand<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedCommand")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}
