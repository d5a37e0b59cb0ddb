//! Payloads read back: strict about the contract, tolerant of fields that it does not know.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::wire;
use crate::excerpt::shorten;
use crate::json::{FieldError, Fields, NotAnObject, Scalar};
use crate::lifecycle::details::ApplicationDetails;
use crate::lifecycle::event::{EventBody, EventKind};
use crate::lifecycle::names::UnknownName;
use crate::lifecycle::source::{Source, TriggerContext};
use crate::lifecycle::timestamp::Timestamp;
use crate::lifecycle::value::{
    ApplicantEmail, ApplicationId, CertificateTitle, InvalidValue, ProcessingError,
    RejectionReason, Violation,
};

/// One event as a webhook receives it. Everything in it keeps the contract; texts are borrowed from
/// the bytes where they have no escapes.
///
/// ```
/// use certificate_lifecycle::payload::{PayloadError, PayloadProblem};
/// use certificate_lifecycle::{EventKind, EventPayload};
///
/// let body = r#"{"event":"certificate_application.rejected",
///     "webhook_id":"a1b2c3d4-e5f6-7890-abcd-ef1234567890","timestamp":"2026-06-04T10:30:00Z",
///     "application_id":42,"uuid":"9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15",
///     "certificate_title":"Certificate of Achievement","applicant_email":"john@example.com",
///     "rejection_reason":"Duplicate certificate"}"#;
/// let payload = EventPayload::parse(body.as_bytes())?;
/// assert_eq!(payload.kind(), EventKind::Rejected);
///
/// let wrong = body.replace("application.rejected", "application.declined");
/// let error = EventPayload::parse(wrong.as_bytes()).unwrap_err();
/// assert!(matches!(error.problem, PayloadProblem::UnknownEvent { .. }));
/// # Ok::<(), PayloadError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct EventPayload<'a> {
    webhook_id: Uuid,
    at: Timestamp,
    application_id: ApplicationId,
    uuid: Uuid,
    certificate_title: Cow<'a, str>,
    applicant_email: Cow<'a, str>,
    body: EventBody,
}

impl std::fmt::Debug for EventPayload<'_> {
    /// Nothing personal: neither title nor address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventPayload")
            .field("webhook_id", &self.webhook_id)
            .field("at", &self.at)
            .field("application_id", &self.application_id)
            .field("uuid", &self.uuid)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

/// Why bytes are not a payload of the contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
#[non_exhaustive]
pub struct PayloadError {
    /// The application that the payload is about, where that much could be read.
    pub uuid: Option<Uuid>,
    /// What is wrong.
    pub problem: PayloadProblem,
}

/// What is wrong with a payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadProblem {
    /// The bytes are not JSON, or the JSON is no object.
    #[error(transparent)]
    NotAnObject(#[from] NotAnObject),
    /// A field of the contract is missing, stands there twice, or has a value of another type.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The `event` is none of the six.
    #[error("unknown event {found:?}; expected certificate_application.<kind> with one of: {}", EventKind::NAMES.join(", "))]
    UnknownEvent {
        /// What was found, shortened if it is long.
        found: String,
    },
    /// A value that the contract forbids.
    #[error(transparent)]
    InvalidValue(#[from] InvalidValue),
    /// A name that stands for no value of its field.
    #[error(transparent)]
    UnknownName(#[from] UnknownName),
    /// A `processing` event from the vault: that event means an administrator's decision on a
    /// customer's application.
    #[error(
        "a processing event must have source customer, but has source vault: the vault emits no processing event"
    )]
    ProcessingFromVault,
    /// A trigger context of the other source.
    #[error("trigger_context {trigger_context} does not go with source {origin}, only with source {}", trigger_context.source())]
    TriggerContextMismatch {
        /// The trigger context.
        trigger_context: TriggerContext,
        /// The source.
        origin: Source,
    },
    /// A field of the contract that this kind of event does not have.
    #[error("event {kind} must have no field {field}")]
    MisplacedField {
        /// The field.
        field: &'static str,
        /// The kind of event.
        kind: EventKind,
    },
}

impl PayloadProblem {
    /// The field that is wrong, where it is one.
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::NotAnObject(_) => None,
            Self::Field(error) => Some(error.field()),
            Self::UnknownEvent { .. } => Some(wire::EVENT),
            Self::InvalidValue(InvalidValue { field, .. })
            | Self::UnknownName(UnknownName { field, .. })
            | Self::MisplacedField { field, .. } => Some(field),
            Self::ProcessingFromVault => Some(wire::SOURCE),
            Self::TriggerContextMismatch { .. } => Some(wire::TRIGGER_CONTEXT),
        }
    }

    /// A stable name of the problem, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAnObject(NotAnObject::OtherValue { .. }) => "not_an_object",
            Self::NotAnObject(_) => "invalid_json",
            Self::Field(FieldError::Duplicate { .. }) => "duplicate_field",
            Self::Field(FieldError::Missing { .. }) => "missing_field",
            Self::Field(FieldError::WrongType { .. }) => "wrong_type",
            Self::UnknownEvent { .. } => "unknown_event",
            Self::InvalidValue(_) | Self::UnknownName(_) => "invalid_value",
            Self::ProcessingFromVault => "processing_from_vault",
            Self::TriggerContextMismatch { .. } => "trigger_context_mismatch",
            Self::MisplacedField { .. } => "misplaced_field",
        }
    }
}

impl<'a> EventPayload<'a> {
    /// Reads one payload: a JSON object with the contract's fields, in any order and spacing.
    ///
    /// # Errors
    /// [`PayloadError`] says what breaks the contract; fields that the contract does not know are
    /// passed over, so that it can grow.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PayloadError> {
        let mut uuid = None;
        Self::read(bytes, &mut uuid).map_err(|problem| PayloadError { uuid, problem })
    }

    /// The endpoint that the payload is for.
    #[must_use]
    pub const fn webhook_id(&self) -> Uuid {
        self.webhook_id
    }

    /// When the transition happened.
    #[must_use]
    pub const fn timestamp(&self) -> DateTime<Utc> {
        self.at.to_datetime()
    }

    /// The backend's own number of the application.
    #[must_use]
    pub const fn application_id(&self) -> ApplicationId {
        self.application_id
    }

    /// The application's identity.
    #[must_use]
    pub const fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// What the certificate is called.
    #[must_use]
    pub fn certificate_title(&self) -> &str {
        &self.certificate_title
    }

    /// Where the applicant is reached.
    #[must_use]
    pub fn applicant_email(&self) -> &str {
        &self.applicant_email
    }

    /// What the event tells of.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        self.body.kind()
    }

    /// Where the application came from: short for `body().source()`.
    #[must_use]
    pub const fn source(&self) -> Source {
        self.body.source()
    }

    /// The facts of this kind of event.
    #[must_use]
    pub const fn body(&self) -> &EventBody {
        &self.body
    }

    /// What the application says of itself.
    #[must_use]
    pub fn details(&self) -> ApplicationDetails {
        ApplicationDetails::of_checked(
            self.application_id,
            self.uuid,
            self.certificate_title.as_ref(),
            self.applicant_email.as_ref(),
        )
    }

    /// The same payload, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> EventPayload<'static> {
        EventPayload {
            certificate_title: self.certificate_title.into_owned().into(),
            applicant_email: self.applicant_email.into_owned().into(),
            webhook_id: self.webhook_id,
            at: self.at,
            application_id: self.application_id,
            uuid: self.uuid,
            body: self.body,
        }
    }

    pub(super) const fn at(&self) -> Timestamp {
        self.at
    }
}

impl<'a> EventPayload<'a> {
    fn read(bytes: &'a [u8], known_uuid: &mut Option<Uuid>) -> Result<Self, PayloadProblem> {
        let fields: Fields<'_, _> = Fields::parse(bytes, &wire::ALL)?;
        let unique = fields.refuse_duplicates();
        let [
            event,
            webhook_id,
            timestamp,
            application_id,
            uuid,
            certificate_title,
            applicant_email,
            source,
            trigger_context,
            rejection_reason,
            error,
        ] = fields.into_values();

        let uuid = read_uuid(wire::UUID, uuid);
        *known_uuid = uuid.as_ref().ok().copied();
        unique?;
        let kind = read_kind(event)?;
        let particular = [&source, &trigger_context, &rejection_reason, &error];
        refuse_misplaced(kind, particular.map(Option::is_some))?;

        Ok(Self {
            webhook_id: read_uuid(wire::WEBHOOK_ID, webhook_id)?,
            at: Timestamp::from_wire(&Scalar::text(wire::TIMESTAMP, timestamp)?)?,
            application_id: read_application_id(application_id)?,
            uuid: uuid?,
            certificate_title: read_checked(
                wire::CERTIFICATE_TITLE,
                certificate_title,
                CertificateTitle::check,
            )?,
            applicant_email: read_checked(
                wire::APPLICANT_EMAIL,
                applicant_email,
                ApplicantEmail::check,
            )?,
            body: match kind {
                EventKind::Created => read_created(source, trigger_context)?,
                EventKind::Processing => match read_source(source)? {
                    Source::Customer => EventBody::Processing,
                    Source::Vault => return Err(PayloadProblem::ProcessingFromVault),
                },
                EventKind::Approved => EventBody::Approved {
                    source: read_source(source)?,
                },
                EventKind::Rejected => EventBody::Rejected {
                    rejection_reason: RejectionReason::new(Scalar::text(
                        wire::REJECTION_REASON,
                        rejection_reason,
                    )?)?,
                },
                EventKind::Failed => EventBody::Failed {
                    source: read_source(source)?,
                    error: ProcessingError::new(Scalar::text(wire::ERROR, error)?)?,
                },
                EventKind::Retried => EventBody::Retried {
                    source: read_source(source)?,
                },
            },
        })
    }
}

type Found<'a> = Option<Scalar<'a>>;

fn read_checked<'a>(
    field: &'static str,
    found: Found<'a>,
    check: impl FnOnce(&str) -> Result<(), InvalidValue>,
) -> Result<Cow<'a, str>, PayloadProblem> {
    let text = Scalar::text(field, found)?;
    check(&text)?;
    Ok(text)
}

fn read_kind(event: Found<'_>) -> Result<EventKind, PayloadProblem> {
    let name = Scalar::text(wire::EVENT, event)?;
    EventKind::from_name(&name).ok_or_else(|| PayloadProblem::UnknownEvent {
        found: shorten(&name),
    })
}

/// A field of the contract in the wrong event contradicts it; only unknown fields are harmless.
fn refuse_misplaced<const N: usize>(
    kind: EventKind,
    present: [bool; N],
) -> Result<(), PayloadProblem> {
    let (_, fields) = wire::common_and_particular();
    for (&field, present) in fields.iter().zip(present) {
        if present && !wire::particular(kind).contains(&field) {
            return Err(PayloadProblem::MisplacedField { field, kind });
        }
    }
    Ok(())
}

fn read_uuid(field: &'static str, found: Found<'_>) -> Result<Uuid, PayloadProblem> {
    let text = Scalar::text(field, found)?;
    // Of the forms that are read, the hyphenated one alone is that long.
    let is_hyphenated = text.len() == Hyphenated::LENGTH;
    // All bytes, whatever the first ones are: so the compiler compares many at once.
    let is_lower = text
        .bytes()
        .fold(true, |is_lower, byte| is_lower & !byte.is_ascii_uppercase());
    match Uuid::try_parse(&text) {
        Ok(uuid) if is_hyphenated && is_lower => Ok(uuid),
        _ => {
            let value = shorten(&text);
            Err(InvalidValue::new(field, Violation::NotAUuid { value }).into())
        }
    }
}

fn read_application_id(found: Found<'_>) -> Result<ApplicationId, PayloadProblem> {
    let number = Scalar::integer(wire::APPLICATION_ID, ApplicationId::RULE, found)?;
    Ok(ApplicationId::new(number)?)
}

fn read_source(found: Found<'_>) -> Result<Source, PayloadProblem> {
    Ok(Scalar::text(wire::SOURCE, found)?.parse()?)
}

fn read_created(
    source: Found<'_>,
    trigger_context: Found<'_>,
) -> Result<EventBody, PayloadProblem> {
    let origin = read_source(source)?;
    let trigger_context: TriggerContext =
        Scalar::text(wire::TRIGGER_CONTEXT, trigger_context)?.parse()?;
    if trigger_context.source() == origin {
        Ok(EventBody::Created { trigger_context })
    } else {
        Err(PayloadProblem::TriggerContextMismatch {
            trigger_context,
            origin,
        })
    }
}
