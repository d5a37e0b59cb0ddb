//! Details of applications, densely kept.
//!
//! This is a module of `src/store/memory/applications.rs`: no public item leads to what it tests.

#![allow(
    clippy::unwrap_used,
    reason = "it is a test, although a module of the library"
)]

use super::*;

fn details(number: u128, title: &str) -> Arc<ApplicationDetails> {
    Arc::new(ApplicationDetails::new(
        ApplicationId::new(ApplicationId::MAX).unwrap(),
        Uuid::from_u128(number),
        CertificateTitle::new(title).unwrap(),
        ApplicantEmail::new("john@example.com").unwrap(),
    ))
}

#[test]
fn an_application_takes_forty_bytes_beside_its_texts() {
    assert_eq!(size_of::<Row>(), 40);
}

#[test]
fn details_come_back_and_can_be_taken_back() {
    let (mut applications, mut texts) = (Applications::default(), Texts::default());
    let all = [details(1, "A\0B"), details(2, &"ü".repeat(255))];
    for one in &all {
        applications.push(one, TriggerContext::BulkUpload, 3, 4, &mut texts);
    }
    for (number, one) in (0..).zip(&all) {
        assert_eq!(applications.number(one.uuid()), Some(number));
        let row = applications.get(number).unwrap();
        assert_eq!(row.details(&texts).as_ref(), Some(one));
        assert_eq!(applications.details(number, &texts).as_ref(), Some(one));
    }
    applications.pop(&mut texts);
    assert_eq!(applications.number(all[1].uuid()), None);
    assert_eq!(applications.len(), 1);
    let again = details(3, "C");
    let number = applications.push(&again, TriggerContext::BulkUpload, 3, 4, &mut texts);
    assert_eq!(applications.number(again.uuid()), Some(number));
    assert_eq!(applications.details(1, &texts), Some(again));
    let row = applications.get(0).unwrap();
    assert_eq!(row.details(&texts).as_ref(), Some(&all[0]));
}
