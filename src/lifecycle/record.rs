//! An application as plain data, for a database row or a document, and the way back.

use std::marker::PhantomData;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Timelike, Utc};
use uuid::Uuid;

use super::any::AnyApplication;
use super::application::Application;
use super::details::{ApplicationDetails, SharedDetails};
use super::rules;
use super::source::{Customer, Source, TriggerContext, Vault};
use super::state::{Approved, Created, Failed, Processing, Rejected, Retried, Status};
use super::timestamp::Timestamp;
use super::value::{ApplicationId, InvalidValue, ProcessingError, RejectionReason};

/// An application as plain data. Anything can stand in it; [`AnyApplication::restore`] checks.
///
/// As a document, it takes no field that it does not know: a record that a newer version of this
/// crate wrote, with a fact that this one would lose, is refused.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationRecord {
    /// The backend's own number.
    pub application_id: u64,
    /// The identity.
    pub uuid: Uuid,
    /// What the certificate is called.
    pub certificate_title: String,
    /// Where the applicant is reached.
    pub applicant_email: String,
    /// Where the application came from.
    pub source: Source,
    /// The state.
    pub status: Status,
    /// 1 after creation, one more with each transition.
    pub version: u64,
    /// When the last transition happened, in whole seconds.
    pub updated_at: DateTime<Utc>,
    /// What created the application: in state Created, and only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger_context: Option<TriggerContext>,
    /// Why it was rejected: in state Rejected, and only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejection_reason: Option<String>,
    /// What made it fail: in state Failed, and only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl std::fmt::Debug for ApplicationRecord {
    /// Nothing personal: neither title nor address, nor what was written about them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApplicationRecord")
            .field("application_id", &self.application_id)
            .field("uuid", &self.uuid)
            .field("source", &self.source)
            .field("status", &self.status)
            .field("version", &self.version)
            .field("updated_at", &self.updated_at)
            .field("trigger_context", &self.trigger_context)
            .finish_non_exhaustive()
    }
}

/// The invariant that an [`ApplicationRecord`] breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// A field holds what the contract forbids.
    #[error(transparent)]
    Value(#[from] InvalidValue),
    /// No application from this source can be in this state.
    #[error("an application from source {origin} cannot be in status {status}")]
    UnreachableStatus {
        /// The status of the record.
        status: Status,
        /// The source of the record.
        origin: Source,
    },
    /// No history of this many transitions leads to this state.
    #[error("no history leads a {origin} application to status {status} at version {version}")]
    UnreachableVersion {
        /// The status of the record.
        status: Status,
        /// The source of the record.
        origin: Source,
        /// The version of the record.
        version: u64,
    },
    /// The last transition did not happen at a whole second.
    #[error("updated_at must be a whole second, but is {}", updated_at.to_rfc3339_opts(SecondsFormat::AutoSi, true))]
    FractionalTime {
        /// The time of the record.
        updated_at: DateTime<Utc>,
    },
    /// A fact that the state needs is not there.
    #[error("a record in status {status} must have the field {field}, but has not")]
    MissingFact {
        /// The status of the record.
        status: Status,
        /// The field of the fact.
        field: &'static str,
    },
    /// A fact that belongs to another state is there.
    #[error("a record in status {status} must not have the field {field}")]
    ForeignFact {
        /// The status of the record.
        status: Status,
        /// The field of the fact.
        field: &'static str,
    },
    /// The trigger context belongs to the other source.
    #[error("trigger_context {trigger_context} does not go with source {origin}")]
    TriggerContextMismatch {
        /// The trigger context of the record.
        trigger_context: TriggerContext,
        /// The source of the record.
        origin: Source,
    },
}

impl AnyApplication {
    /// The largest version that a record may have: every JSON reader can hold it.
    pub const MAX_VERSION: u64 = ApplicationId::MAX;

    /// Brings back an application from plain data, such as a database row.
    ///
    /// ```
    /// use certificate_lifecycle::*;
    ///
    /// let stored = r#"{"application_id":42,"uuid":"9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15",
    ///     "certificate_title":"Certificate of Achievement","applicant_email":"john@example.com",
    ///     "source":"vault","status":"failed","version":2,"updated_at":"2026-06-04T10:30:00Z",
    ///     "error":"PDF generation failed: template not found"}"#;
    /// let any = AnyApplication::restore(serde_json::from_str(stored)?)?;
    /// let retried = any.apply(Command::Retry, "2026-06-04T10:31:00Z".parse()?)?;
    /// // To be stored where the version is still 2, together with the event.
    /// assert_eq!(retried.application.to_record().version, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RestoreError`] says which invariant the record breaks. Every record that
    /// [`to_record`](Self::to_record) wrote is accepted, up to [`MAX_VERSION`](Self::MAX_VERSION):
    /// at a thousand transitions a second, an application would take 285,000 years to get there.
    pub fn restore(record: ApplicationRecord) -> Result<Self, RestoreError> {
        let (status, origin, version) = (record.status, record.source, record.version);
        let stem = Stem {
            details: Arc::new(ApplicationDetails::of_texts(
                ApplicationId::new(record.application_id)?,
                record.uuid,
                &record.certificate_title,
                &record.applicant_email,
            )?)
            .into(),
            version,
            updated_at: whole_second(record.updated_at)?,
        };
        let facts = Facts {
            status,
            origin,
            trigger_context: record.trigger_context,
            rejection_reason: record.rejection_reason,
            error: record.error,
        };
        let application = match (origin, status) {
            (Source::Vault, Status::Created) => stem.vault(facts.created()?).into(),
            (Source::Vault, Status::Approved) => stem.vault(facts.none(Approved)?).into(),
            (Source::Vault, Status::Failed) => stem.vault(facts.failed()?).into(),
            (Source::Vault, Status::Retried) => stem.vault(facts.none(Retried)?).into(),
            (Source::Vault, Status::Processing | Status::Rejected) => {
                return Err(RestoreError::UnreachableStatus { status, origin });
            }
            (Source::Customer, Status::Created) => stem.customer(facts.created()?).into(),
            (Source::Customer, Status::Processing) => stem.customer(facts.none(Processing)?).into(),
            (Source::Customer, Status::Approved) => stem.customer(facts.none(Approved)?).into(),
            (Source::Customer, Status::Rejected) => stem.customer(facts.rejected()?).into(),
            (Source::Customer, Status::Failed) => stem.customer(facts.failed()?).into(),
            (Source::Customer, Status::Retried) => stem.customer(facts.none(Retried)?).into(),
        };
        if version > Self::MAX_VERSION || !rules::is_reachable(status, origin, version) {
            return Err(RestoreError::UnreachableVersion {
                status,
                origin,
                version,
            });
        }
        Ok(application)
    }

    /// The application as plain data, for a database row or a document.
    #[must_use]
    pub fn to_record(&self) -> ApplicationRecord {
        let details = self.details();
        ApplicationRecord {
            application_id: details.application_id().get(),
            uuid: details.uuid(),
            certificate_title: details.certificate_title().to_string(),
            applicant_email: details.applicant_email().to_string(),
            source: self.source(),
            status: self.status(),
            version: self.version(),
            updated_at: self.updated_at(),
            trigger_context: self.trigger_context(),
            rejection_reason: self.rejection_reason().map(ToString::to_string),
            error: self.error().map(ToString::to_string),
        }
    }
}

fn whole_second(updated_at: DateTime<Utc>) -> Result<Timestamp, RestoreError> {
    if updated_at.nanosecond() != 0 {
        return Err(RestoreError::FractionalTime { updated_at });
    }
    Timestamp::new(updated_at).map_err(|error| {
        RestoreError::Value(InvalidValue {
            field: "updated_at",
            ..error
        })
    })
}

/// What every application has, whatever its state.
struct Stem {
    details: SharedDetails,
    version: u64,
    updated_at: Timestamp,
}

impl Stem {
    fn vault<S>(self, state: S) -> Application<S, Vault> {
        self.in_state(state)
    }

    fn customer<S>(self, state: S) -> Application<S, Customer> {
        self.in_state(state)
    }

    fn in_state<S, O>(self, state: S) -> Application<S, O> {
        Application {
            details: self.details,
            version: self.version,
            updated_at: self.updated_at,
            state,
            source: PhantomData,
        }
    }
}

/// The facts that belong to one state each; every method takes those of its state and refuses the
/// others.
struct Facts {
    status: Status,
    origin: Source,
    trigger_context: Option<TriggerContext>,
    rejection_reason: Option<String>,
    error: Option<String>,
}

impl Facts {
    fn created(mut self) -> Result<Created, RestoreError> {
        let trigger_context = self.take("trigger_context", |facts| facts.trigger_context.take())?;
        if trigger_context.source() != self.origin {
            return Err(RestoreError::TriggerContextMismatch {
                trigger_context,
                origin: self.origin,
            });
        }
        self.none(Created { trigger_context })
    }

    fn rejected(mut self) -> Result<Rejected, RestoreError> {
        let reason = self.take(RejectionReason::FIELD, |facts| {
            facts.rejection_reason.take()
        })?;
        let reason = RejectionReason::new(reason)?;
        self.none(Rejected { reason })
    }

    fn failed(mut self) -> Result<Failed, RestoreError> {
        let error = self.take(ProcessingError::FIELD, |facts| facts.error.take())?;
        let error = ProcessingError::new(error)?;
        self.none(Failed { error })
    }

    /// The state, if no fact is left over.
    fn none<S>(self, state: S) -> Result<S, RestoreError> {
        let left = [
            ("trigger_context", self.trigger_context.is_some()),
            (RejectionReason::FIELD, self.rejection_reason.is_some()),
            (ProcessingError::FIELD, self.error.is_some()),
        ];
        for (field, value) in left {
            if value {
                return Err(RestoreError::ForeignFact {
                    status: self.status,
                    field,
                });
            }
        }
        Ok(state)
    }

    fn take<T>(
        &mut self,
        field: &'static str,
        fact: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Result<T, RestoreError> {
        fact(self).ok_or(RestoreError::MissingFact {
            status: self.status,
            field,
        })
    }
}
