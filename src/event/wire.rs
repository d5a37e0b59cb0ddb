//! The fields of the wire form: their names and their order (CONTRACT.md, "Events").

use crate::lifecycle::event::EventKind;
use crate::lifecycle::value::{
    ApplicantEmail, ApplicationId, CertificateTitle, ProcessingError, RejectionReason,
};

pub(super) const EVENT: &str = "event";
pub(super) const WEBHOOK_ID: &str = "webhook_id";
pub(super) const TIMESTAMP: &str = "timestamp";
pub(super) const APPLICATION_ID: &str = ApplicationId::FIELD;
pub(super) const UUID: &str = "uuid";
pub(super) const CERTIFICATE_TITLE: &str = CertificateTitle::FIELD;
pub(super) const APPLICANT_EMAIL: &str = ApplicantEmail::FIELD;
pub(super) const SOURCE: &str = "source";
pub(super) const TRIGGER_CONTEXT: &str = "trigger_context";
pub(super) const REJECTION_REASON: &str = RejectionReason::FIELD;
pub(super) const ERROR: &str = ProcessingError::FIELD;

/// Every field of the contract: the common ones in order, then those that only some events have.
pub(super) const ALL: [&str; 11] = [
    EVENT,
    WEBHOOK_ID,
    TIMESTAMP,
    APPLICATION_ID,
    UUID,
    CERTIFICATE_TITLE,
    APPLICANT_EMAIL,
    SOURCE,
    TRIGGER_CONTEXT,
    REJECTION_REASON,
    ERROR,
];

/// How many fields of [`ALL`] every event has.
const COMMON: usize = 7;

/// The fields that every event has, and those that only some have.
pub(super) fn common_and_particular() -> (&'static [&'static str], &'static [&'static str]) {
    static FIELDS: [&str; ALL.len()] = ALL;
    FIELDS.split_at_checked(COMMON).unwrap_or_default()
}

/// The fields of one kind of event beyond the common ones, in order.
pub(super) const fn particular(kind: EventKind) -> &'static [&'static str] {
    match kind {
        EventKind::Created => &[SOURCE, TRIGGER_CONTEXT],
        EventKind::Processing | EventKind::Approved | EventKind::Retried => &[SOURCE],
        EventKind::Rejected => &[REJECTION_REASON],
        EventKind::Failed => &[SOURCE, ERROR],
    }
}
