//! Details of applications, densely kept.
//!
//! This is a module of `src/store/memory/applications.rs`: no public item leads to what it tests.

#![allow(
    clippy::unwrap_used,
    reason = "it is a test, although a module of the library"
)]

use super::*;
use crate::lifecycle::value::{ApplicantEmail, ApplicationId, CertificateTitle};

fn details(number: u128, title: &str) -> Arc<ApplicationDetails> {
    Arc::new(ApplicationDetails::new(
        ApplicationId::new(ApplicationId::MAX).unwrap(),
        Uuid::from_u128(number),
        CertificateTitle::new(title).unwrap(),
        ApplicantEmail::new("john@example.com").unwrap(),
    ))
}

fn row() -> Row {
    Row {
        institution: 3,
        last: 4,
        trigger_context: TriggerContext::BulkUpload,
    }
}

fn titled(number: u128) -> Arc<ApplicationDetails> {
    details(number, &"ü\0".repeat(1 + number as usize % 100))
}

#[test]
fn an_application_takes_sixty_eight_bytes_beside_its_texts() {
    assert_eq!(size_of::<Row>(), 12);
    assert_eq!(size_of::<ApplicationDetails>(), 56);
}

#[test]
fn details_come_back_however_many_there_are() {
    let mut applications = Applications::default();
    let all: Vec<_> = (0..200).map(titled).collect();
    for (number, one) in (0..).zip(&all) {
        assert_eq!(applications.push(one, row()), number);
        assert_eq!(applications.details(number + 1), None);
        assert_eq!(applications.share(number + 1), None);
    }
    for (number, one) in (0..).zip(&all) {
        assert_eq!(applications.number(one.uuid()), Some(number));
        assert_eq!(applications.details(number), Some(&**one));
        assert_eq!(applications.share(number).as_deref(), Some(&**one));
    }
    assert_eq!(applications.details(u32::MAX), None);
}

#[test]
fn applications_that_were_taken_back_leave_no_trace() {
    let mut applications = Applications::default();
    let all: Vec<_> = (0..200).map(titled).collect();
    for one in &all {
        applications.push(one, row());
    }
    let kept = applications.share(100).unwrap();
    // Into the middle of those that stand together.
    for one in all.iter().skip(90).rev() {
        applications.pop();
        assert_eq!(applications.number(one.uuid()), None);
    }
    assert_eq!(applications.len(), 90);
    for number in 90..300 {
        let other = details(1000 + number, "C");
        let number = applications.push(&other, row());
        assert_eq!(applications.number(other.uuid()), Some(number));
        assert_eq!(applications.details(number), Some(&*other));
    }
    for (number, one) in (0..90).zip(&all) {
        assert_eq!(applications.details(number), Some(&**one));
    }
    // What was read before stays as it was.
    assert_eq!(Some(&*kept), all.get(100).map(|it| &**it));
    (0..300).for_each(|_| applications.pop());
    assert_eq!(applications.len(), 0);
    applications.pop();
}
