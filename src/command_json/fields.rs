//! The fields of a line of JSON with a command.

use crate::lifecycle::value::{
    ApplicantEmail, ApplicationId, CertificateTitle, ProcessingError, RejectionReason,
};
use crate::store::{ActorId, IdempotencyKey, InstitutionId};

pub(super) const COMMAND: &str = "command";
pub(super) const AT: &str = "at";
pub(super) const UUID: &str = "uuid";
pub(super) const APPLICATION_ID: &str = ApplicationId::FIELD;
pub(super) const CERTIFICATE_TITLE: &str = CertificateTitle::FIELD;
pub(super) const APPLICANT_EMAIL: &str = ApplicantEmail::FIELD;
pub(super) const TRIGGER_CONTEXT: &str = "trigger_context";
pub(super) const REJECTION_REASON: &str = RejectionReason::FIELD;
pub(super) const ERROR: &str = ProcessingError::FIELD;
pub(super) const INSTITUTION: &str = InstitutionId::FIELD;
pub(super) const ACTOR: &str = ActorId::FIELD;
pub(super) const IDEMPOTENCY_KEY: &str = IdempotencyKey::FIELD;
pub(super) const EXPECTED_VERSION: &str = "expected_version";

/// All of them, in the order in which a refusal lists them.
pub(super) const FIELDS: [&str; 13] = [
    COMMAND,
    AT,
    UUID,
    APPLICATION_ID,
    CERTIFICATE_TITLE,
    APPLICANT_EMAIL,
    TRIGGER_CONTEXT,
    REJECTION_REASON,
    ERROR,
    INSTITUTION,
    ACTOR,
    IDEMPOTENCY_KEY,
    EXPECTED_VERSION,
];
