//! An application (API.md, "A").

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::lifecycle::action::Action;
use crate::lifecycle::any::AnyApplication;
use crate::lifecycle::source::{Source, TriggerContext};
use crate::lifecycle::state::Status;
use crate::lifecycle::timestamp::Timestamp;
use crate::lifecycle::value::{ProcessingError, RejectionReason};
use crate::server::openapi as schema;

/// An application.
#[derive(Serialize, ToSchema)]
#[schema(as = Application)]
pub(in crate::server) struct ApplicationView<'a> {
    /// Its identity.
    uuid: Uuid,
    /// The backend's own number.
    #[schema(inline, value_type = schema::ApplicationIdValue)]
    application_id: u64,
    /// The title of the certificate.
    #[schema(inline, value_type = schema::TitleValue)]
    certificate_title: &'a str,
    /// The address of the applicant.
    #[schema(inline, value_type = schema::EmailValue)]
    applicant_email: &'a str,
    /// Where it comes from.
    #[schema(inline, value_type = schema::SourceValue)]
    source: Source,
    /// How it was created.
    #[schema(inline, value_type = schema::TriggerContextValue)]
    trigger_context: Option<TriggerContext>,
    /// The state that it is in.
    #[schema(inline, value_type = schema::StatusValue)]
    status: Status,
    /// 1 after its creation, and 1 more with each transition.
    #[schema(inline, value_type = schema::VersionValue)]
    version: u64,
    /// When its last event happened.
    #[schema(inline, value_type = schema::TimeValue)]
    updated_at: String,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, value_type = schema::ReasonValue, required = false)]
    rejection_reason: Option<&'a str>,
    /// Why its processing failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, value_type = schema::ReasonValue, required = false)]
    error: Option<&'a str>,
    /// The actions that are legal now.
    #[schema(inline, value_type = schema::ActionsValue)]
    legal: &'static [Action],
}

impl<'a> ApplicationView<'a> {
    /// The application; what created it is known of one that is created, or comes from a customer.
    /// Of the others, the caller has looked.
    pub(in crate::server) fn of(
        application: &'a AnyApplication,
        created_by: Option<TriggerContext>,
    ) -> Self {
        let details = application.details();
        Self {
            uuid: details.uuid(),
            application_id: details.application_id().get(),
            certificate_title: details.certificate_title().as_str(),
            applicant_email: details.applicant_email().as_str(),
            source: application.source(),
            trigger_context: known_context(application).or(created_by),
            status: application.status(),
            version: application.version(),
            updated_at: Timestamp::saturating(application.updated_at()).to_string(),
            rejection_reason: application.rejection_reason().map(RejectionReason::as_str),
            error: application.error().map(ProcessingError::as_str),
            legal: application.legal_actions(),
        }
    }
}

/// What created the application, if it says so itself.
pub(in crate::server) fn known_context(application: &AnyApplication) -> Option<TriggerContext> {
    let of_source = match application.source() {
        Source::Customer => Some(TriggerContext::CustomerSubmission),
        Source::Vault => None,
    };
    application.trigger_context().or(of_source)
}
