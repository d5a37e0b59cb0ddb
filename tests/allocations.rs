//! What a transition allocates: nothing. The details are shared, and so are the texts.

mod support;

use allocation_counter::{AllocationInfo, measure};
use certificate_lifecycle::{
    AnyApplication, ApplicantEmail, Application, ApplicationDetails, ApplicationId,
    CertificateTitle, Command, Event, ProcessingError, RejectionReason, RenderedEvent, VaultUpload,
};
use support::{WEBHOOK, at, details, error, reason};

fn allocations(work: impl FnOnce()) -> u64 {
    let AllocationInfo { count_total, .. } = measure(work);
    count_total
}

#[test]
fn typed_transitions_allocate_nothing() {
    let (created, error) = (Application::submit(details(), at(0)).application, error());
    let rejected = (created.clone(), reason());
    assert_eq!(
        allocations(move || {
            let step = created.begin_processing(at_epoch());
            let step = step.application.fail(error, at_epoch());
            let step = step.application.retry(at_epoch());
            let _ = step.application.approve(at_epoch());
            let _ = rejected.0.reject(rejected.1, at_epoch());
        }),
        0
    );
}

fn at_epoch() -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::UNIX_EPOCH
}

#[test]
fn runtime_transitions_allocate_nothing_and_neither_do_refusals() {
    let any: AnyApplication = Application::submit(details(), at(0)).application.into();
    let error = error();
    assert_eq!(
        allocations(move || {
            let refusal = any.apply(Command::Retry, at_epoch()).unwrap_err();
            let step = refusal
                .application
                .apply(Command::BeginProcessing, at_epoch())
                .unwrap();
            let step = step
                .application
                .apply(Command::Fail(error), at_epoch())
                .unwrap();
            let step = step.application.apply(Command::Retry, at_epoch()).unwrap();
            let step = step
                .application
                .apply(Command::Approve, at_epoch())
                .unwrap();
            assert!(step.application.legal_actions().is_empty());
        }),
        0
    );
}

#[test]
fn a_creation_allocates_only_the_shared_details() {
    let details = details();
    assert_eq!(
        allocations(move || drop(Application::submit(details, at_epoch()))),
        1
    );
}

#[test]
fn a_payload_is_one_allocation_and_each_further_webhook_none() {
    let event = Application::submit(details(), at(0)).event;
    assert_eq!(allocations(|| drop(event.to_json(WEBHOOK))), 1);
    let longest = longest_events();
    for event in &longest {
        assert_eq!(allocations(|| drop(event.to_json(WEBHOOK))), 1);
    }
    let mut rendered: RenderedEvent = event.render();
    assert_eq!(
        allocations(|| {
            rendered.for_webhook(WEBHOOK);
        }),
        0
    );
}

/// The events with the longest texts, of the two kinds that have one of their own.
fn longest_events() -> [Event; 2] {
    let details = || {
        ApplicationDetails::new(
            ApplicationId::new(ApplicationId::MAX).unwrap(),
            support::APPLICATION,
            CertificateTitle::new("🎓".repeat(255)).unwrap(),
            ApplicantEmail::new(format!("{}@example.com", "ü".repeat(32))).unwrap(),
        )
    };
    let submitted = Application::submit(details(), at(0)).application;
    let uploaded = Application::upload(details(), VaultUpload::Single, at(0)).application;
    let reason = RejectionReason::new("🎓".repeat(1000)).unwrap();
    let error = ProcessingError::new("🎓".repeat(1000)).unwrap();
    [
        submitted.reject(reason, at(0)).event,
        uploaded.fail(error, at(0)).event,
    ]
}
