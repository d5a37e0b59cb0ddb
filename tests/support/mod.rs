//! What several tests need: the contract written once more, and applications to try it on.

#![allow(
    dead_code,
    reason = "each test takes what it needs, and the compiler sees one test at a time"
)]

use certificate_lifecycle::{
    Action, AnyApplication, ApplicantEmail, Application, ApplicationDetails, ApplicationId,
    CertificateTitle, Command, EventKind, ProcessingError, RejectionReason, Source, Status,
    VaultUpload,
};
use chrono::{DateTime, Utc};
use uuid::{Uuid, uuid};

pub const APPLICATION: Uuid = uuid!("9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15");
pub const WEBHOOK: Uuid = uuid!("a1b2c3d4-e5f6-7890-abcd-ef1234567890");

/// One row of the table in CONTRACT.md, "Lifecycle".
pub struct ContractRow {
    pub from: Status,
    pub sources: &'static [Source],
    pub action: Action,
    pub to: Status,
    pub event: EventKind,
}

const VAULT: &[Source] = &[Source::Vault];
const CUSTOMER: &[Source] = &[Source::Customer];
const BOTH: &[Source] = &[Source::Vault, Source::Customer];

const fn contract_row(
    from: Status,
    sources: &'static [Source],
    action: Action,
    to: Status,
    event: EventKind,
) -> ContractRow {
    ContractRow {
        from,
        sources,
        action,
        to,
        event,
    }
}

/// The table of CONTRACT.md, "Lifecycle", row by row; independent of the crate's own.
#[rustfmt::skip]
pub const CONTRACT: [ContractRow; 9] = [
    contract_row(Status::Created, CUSTOMER, Action::BeginProcessing, Status::Processing, EventKind::Processing),
    contract_row(Status::Created, CUSTOMER, Action::Reject, Status::Rejected, EventKind::Rejected),
    contract_row(Status::Created, VAULT, Action::Approve, Status::Approved, EventKind::Approved),
    contract_row(Status::Created, VAULT, Action::Fail, Status::Failed, EventKind::Failed),
    contract_row(Status::Processing, CUSTOMER, Action::Approve, Status::Approved, EventKind::Approved),
    contract_row(Status::Processing, CUSTOMER, Action::Fail, Status::Failed, EventKind::Failed),
    contract_row(Status::Failed, BOTH, Action::Retry, Status::Retried, EventKind::Retried),
    contract_row(Status::Retried, BOTH, Action::Approve, Status::Approved, EventKind::Approved),
    contract_row(Status::Retried, BOTH, Action::Fail, Status::Failed, EventKind::Failed),
];

/// What the contract says of one cell: the row, or none where the action is illegal.
pub const fn contract(
    from: Status,
    source: Source,
    action: Action,
) -> Option<&'static ContractRow> {
    const ROWS: &[ContractRow] = &CONTRACT;
    let mut row = 0;
    while row < ROWS.len() {
        let candidate = &ROWS[row];
        if candidate.from as u8 == from as u8 && candidate.action as u8 == action as u8 {
            let mut index = 0;
            while index < candidate.sources.len() {
                if candidate.sources[index] as u8 == source as u8 {
                    return Some(candidate);
                }
                index += 1;
            }
        }
        row += 1;
    }
    None
}

/// A moment, `seconds` after the reference payloads'.
pub fn at(seconds: i64) -> DateTime<Utc> {
    let start: DateTime<Utc> = "2026-06-04T10:30:00Z".parse().unwrap();
    start + chrono::TimeDelta::seconds(seconds)
}

pub fn details() -> ApplicationDetails {
    ApplicationDetails::new(
        ApplicationId::new(42).unwrap(),
        APPLICATION,
        CertificateTitle::new("Certificate of Achievement").unwrap(),
        ApplicantEmail::new("john@example.com").unwrap(),
    )
}

pub fn reason() -> RejectionReason {
    RejectionReason::new("Duplicate certificate").unwrap()
}

pub fn error() -> ProcessingError {
    ProcessingError::new("PDF generation failed: template not found").unwrap()
}

pub fn command(action: Action) -> Command {
    match action {
        Action::BeginProcessing => Command::BeginProcessing,
        Action::Approve => Command::Approve,
        Action::Reject => Command::Reject(reason()),
        Action::Fail => Command::Fail(error()),
        Action::Retry => Command::Retry,
    }
}

/// The ten kinds of application that there are, each by its shortest history, all at `at(0)`.
pub fn every_application() -> Vec<AnyApplication> {
    let submitted = || Application::submit(details(), at(0)).application;
    let uploaded = || Application::upload(details(), VaultUpload::Bulk, at(0)).application;
    let processing = || submitted().begin_processing(at(0)).application;
    let failed_customer = || processing().fail(error(), at(0)).application;
    let failed_vault = || uploaded().fail(error(), at(0)).application;
    vec![
        uploaded().into(),
        uploaded().approve(at(0)).application.into(),
        failed_vault().into(),
        failed_vault().retry(at(0)).application.into(),
        submitted().into(),
        processing().into(),
        processing().approve(at(0)).application.into(),
        submitted().reject(reason(), at(0)).application.into(),
        failed_customer().into(),
        failed_customer().retry(at(0)).application.into(),
    ]
}

/// The reference payload of one kind, as it stands in the file.
pub fn reference(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Created => include_str!("../payloads/created.json"),
        EventKind::Processing => include_str!("../payloads/processing.json"),
        EventKind::Approved => include_str!("../payloads/approved.json"),
        EventKind::Rejected => include_str!("../payloads/rejected.json"),
        EventKind::Failed => include_str!("../payloads/failed.json"),
        EventKind::Retried => include_str!("../payloads/retried.json"),
    }
}
