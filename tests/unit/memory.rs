//! A batch that is abandoned, down to the texts and numbers of the store in memory.
//!
//! This is a module of `src/store/memory/mod.rs`: no public item leads to the tables.

#![allow(
    clippy::unwrap_used,
    reason = "it is a test, although a module of the library"
)]

use chrono::DateTime;

use super::*;
use crate::lifecycle::action::Command;
use crate::lifecycle::details::ApplicationDetails;
use crate::lifecycle::value::{
    ApplicantEmail, ApplicationId, CertificateTitle, ProcessingError, RejectionReason,
};
use crate::store::request::Request;

fn institution() -> InstitutionId {
    InstitutionId::new("example-university").unwrap()
}

fn submit(number: u32, title: &str) -> Append {
    let details = ApplicationDetails::new(
        ApplicationId::new(number.into()).unwrap(),
        uuid(number),
        CertificateTitle::new(title).unwrap(),
        ApplicantEmail::new("john@example.com").unwrap(),
    );
    let customer = Actor::customer("john").unwrap();
    append(Request::submit(institution(), customer, details))
}

fn act(number: u32, command: Command) -> Append {
    let actor = Actor::administrator("jane").unwrap();
    append(Request::transition(
        institution(),
        actor,
        uuid(number),
        command,
    ))
}

fn append(request: Request) -> Append {
    Append::new(request, DateTime::UNIX_EPOCH)
}

fn uuid(number: u32) -> Uuid {
    Uuid::from_u128(number.into())
}

fn fail(number: u32, error: &str) -> Append {
    act(number, Command::Fail(ProcessingError::new(error).unwrap()))
}

fn current(store: &MemoryStore, number: u32) -> AnyApplication {
    let tables = store.tables();
    let row = tables.row(uuid(number));
    tables.current(0, row).unwrap()
}

#[test]
fn an_abandoned_batch_takes_its_texts_and_numbers_back() {
    let store = MemoryStore::new();
    let kept = [
        submit(1, "One"),
        act(1, Command::BeginProcessing),
        fail(1, "the first error"),
    ];
    let answers = store.append_now(&kept, Atomicity::Each);
    assert!(answers.iter().all(Result::is_ok));
    let texts = || store.tables().texts.clone();
    let (before, one) = (texts(), current(&store, 1));

    let reason = RejectionReason::new("Duplicate certificate").unwrap();
    let abandoned = [
        act(1, Command::Retry),
        submit(2, "Two"),
        fail(1, "another error"),
        act(2, Command::Reject(reason)),
        act(2, Command::Approve),
    ];
    let answers = store.append_now(&abandoned, Atomicity::All);
    assert!(answers.iter().all(Result::is_err));
    assert_eq!(texts(), before);
    assert_eq!(current(&store, 1), one);
    assert!(store.tables().row(uuid(2)).is_none());

    let answers = store.append_now(&[submit(3, "Three")], Atomicity::All);
    assert!(answers.iter().all(Result::is_ok));
    let three = current(&store, 3);
    assert_eq!(three.details().certificate_title().as_str(), "Three");
    assert_eq!(current(&store, 1), one);
    assert_eq!(store.tables().applications.len(), 2);
}

#[test]
fn debug_shows_no_text() {
    let store = MemoryStore::new();
    store.append_now(&[submit(1, "One of a kind")], Atomicity::Each);
    let shown = format!("{store:?}");
    assert!(!shown.contains("One of a kind") && !shown.contains("john@"));
}
