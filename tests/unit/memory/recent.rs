//! Details that were made or given last.
//!
//! This is a module of `src/store/memory/recent.rs`: no public item leads to what it tests.

#![allow(
    clippy::unwrap_used,
    reason = "it is a test, although a module of the library"
)]

use uuid::Uuid;

use super::*;
use crate::lifecycle::value::{ApplicantEmail, ApplicationId, CertificateTitle};

fn details(number: u32) -> Arc<ApplicationDetails> {
    Arc::new(ApplicationDetails::new(
        ApplicationId::new(number.into()).unwrap(),
        Uuid::from_u128(number.into()),
        CertificateTitle::new("Certificate of Achievement").unwrap(),
        ApplicantEmail::new("john@example.com").unwrap(),
    ))
}

#[test]
fn details_are_made_once_until_another_takes_their_slot() {
    let mut recent = Recent::default();
    let one = recent.get(1, || Some(details(1))).unwrap();
    let again = recent.get(1, || None).unwrap();
    assert!(Arc::ptr_eq(&one, &again));

    let other = details(2);
    recent.put(1 + Recent::SLOTS, &other);
    assert_eq!(recent.get(1 + Recent::SLOTS, || None), Some(other));
    assert_eq!(recent.get(1, || None), None);
}

#[test]
fn a_number_that_was_taken_back_has_no_details() {
    let mut recent = Recent::default();
    recent.put(5, &details(5));
    recent.remove(5 + Recent::SLOTS);
    assert!(recent.get(5, || None).is_some());
    recent.remove(5);
    assert_eq!(recent.get(5, || None), None);
}
