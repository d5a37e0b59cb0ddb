//! An application whose state and source are types.

use std::marker::PhantomData;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::details::{ApplicationDetails, SharedDetails};
use super::event::{Event, EventBody};
use super::source::{Customer, Source, SourceType, TriggerContext, Vault, VaultUpload};
use super::state::{Created, Failed, Rejected, State, Status};
use super::timestamp::Timestamp;
use super::transition::Transition;
use super::value::{ProcessingError, RejectionReason};

/// A certificate application in state `S` from source `O`.
///
/// It comes from [`submit`](Application::submit), from [`upload`](Application::upload), from a
/// transition, or out of an [`AnyApplication`](crate::AnyApplication); there is no other way.
///
/// ```
/// # use certificate_lifecycle::*;
/// # fn main() -> Result<(), InvalidValue> {
/// # let at = chrono::DateTime::UNIX_EPOCH;
/// let details = ApplicationDetails::new(
///     ApplicationId::new(42)?,
///     uuid::uuid!("9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15"),
///     CertificateTitle::new("Certificate of Achievement")?,
///     ApplicantEmail::new("john@example.com")?,
/// );
/// let Transition { application, event } = Application::submit(details, at);
/// assert_eq!(event.kind(), EventKind::Created);
///
/// let Transition { application, event } = application.begin_processing(at);
/// assert_eq!(event.kind(), EventKind::Processing);
/// assert_eq!(application.version(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application<S, O> {
    pub(super) details: SharedDetails,
    pub(super) version: u64,
    pub(super) updated_at: Timestamp,
    pub(super) state: S,
    pub(super) source: PhantomData<O>,
}

impl Application<Created, Customer> {
    /// A customer submits an application: `created` with `customer_submission`.
    ///
    /// `at` is cut to whole seconds, and to the years 0000 to 9999.
    pub fn submit(
        details: impl Into<Arc<ApplicationDetails>>,
        at: DateTime<Utc>,
    ) -> Transition<Self> {
        Self::create(
            details.into().into(),
            TriggerContext::CustomerSubmission,
            at,
        )
    }
}

impl Application<Created, Vault> {
    /// The institution uploads into its vault: `created` with `single_upload` or `bulk_upload`.
    ///
    /// `at` is cut to whole seconds, and to the years 0000 to 9999.
    pub fn upload(
        details: impl Into<Arc<ApplicationDetails>>,
        upload: VaultUpload,
        at: DateTime<Utc>,
    ) -> Transition<Self> {
        Self::create(details.into().into(), upload.into(), at)
    }
}

impl<O: SourceType> Application<Created, O> {
    fn create(
        details: SharedDetails,
        trigger_context: TriggerContext,
        at: DateTime<Utc>,
    ) -> Transition<Self> {
        let unborn = Self {
            details,
            version: 0,
            updated_at: Timestamp::MIN,
            state: Created { trigger_context },
            source: PhantomData,
        };
        unborn.advance(
            Created { trigger_context },
            EventBody::Created { trigger_context },
            at,
        )
    }

    /// What created the application.
    #[must_use]
    pub const fn trigger_context(&self) -> TriggerContext {
        self.state.trigger_context
    }
}

impl<O> Application<Rejected, O> {
    /// Why the administrator rejected the application.
    #[must_use]
    pub const fn rejection_reason(&self) -> &RejectionReason {
        &self.state.reason
    }
}

impl<O> Application<Failed, O> {
    /// The critical error that background processing hit.
    #[must_use]
    pub const fn error(&self) -> &ProcessingError {
        &self.state.error
    }
}

impl<S: State, O: SourceType> Application<S, O> {
    /// What the application says of itself.
    #[must_use]
    pub fn details(&self) -> &ApplicationDetails {
        &self.details
    }

    /// 1 after creation, one more with each transition.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// When the last transition happened: the timestamp of its event, in whole seconds.
    #[must_use]
    pub const fn updated_at(&self) -> DateTime<Utc> {
        self.updated_at.to_datetime()
    }

    /// The state as a value.
    #[must_use]
    pub const fn status(&self) -> Status {
        S::STATUS
    }

    /// The source as a value.
    #[must_use]
    pub const fn source(&self) -> Source {
        O::SOURCE
    }

    /// The one step that all transitions take: next state, next version, and the event.
    ///
    /// A history never runs backwards: an `at` before the last event counts as the time of that
    /// event (docs/decisions/0002-time.md).
    pub(super) fn advance<N>(
        self,
        state: N,
        body: EventBody,
        at: DateTime<Utc>,
    ) -> Transition<Application<N, O>> {
        let updated_at = Timestamp::saturating(at).max(self.updated_at);
        // `restore` takes no version above 2⁵³ − 1, so u64 cannot be exhausted.
        let version = self.version + 1;
        let event = Event::new(self.details.clone(), version, updated_at, body);
        let application = Application {
            details: self.details,
            version,
            updated_at,
            state,
            source: PhantomData,
        };
        Transition { application, event }
    }
}
