//! The numbers that the documents promise, written once more.

use std::time::Duration;

use certificate_lifecycle::delivery::*;
use certificate_lifecycle::webhook::{RetrySchedule, Secret, Secrets};

#[test]
fn a_response_is_read_to_16_kib_and_kept_to_4() {
    assert_eq!((Response::READ, Response::EXCERPT), (16_384, 4_096));
}

#[test]
fn connecting_may_take_5_seconds_and_all_of_it_15() {
    let http = HttpOptions::default();
    assert_eq!(http.connect_timeout, Duration::from_secs(5));
    assert_eq!(http.stall_timeout, Duration::from_secs(15));
    // And the lease is a little longer than the request.
    let options = DispatcherOptions::default();
    assert_eq!(options.timeout, Duration::from_secs(15));
    assert_eq!(options.margin, Duration::from_secs(5));
    // Neither lets a webhook reach inside unless an option says so.
    assert!(!http.allow_http && http.allow_targets.is_empty());
}

#[test]
fn attempts_are_made_by_the_schedule_of_the_contract() {
    let expected = [
        Duration::ZERO,
        Duration::from_secs(5),
        Duration::from_secs(5 * 60),
        Duration::from_secs(30 * 60),
        Duration::from_secs(2 * 60 * 60),
        Duration::from_secs(5 * 60 * 60),
        Duration::from_secs(10 * 60 * 60),
        Duration::from_secs(14 * 60 * 60),
        Duration::from_secs(20 * 60 * 60),
        Duration::from_secs(24 * 60 * 60),
    ];
    assert_eq!(RetrySchedule::default().delays(), expected);
    assert_eq!(DispatcherOptions::default().schedule.delays(), expected);
    assert_eq!(
        RetrySchedule::LONGEST_RETRY_AFTER,
        Duration::from_secs(24 * 60 * 60)
    );
}

#[test]
fn what_fails_is_disabled_after_5_days_and_what_is_old_is_kept_for_30() {
    let options = DispatcherOptions::default();
    assert_eq!(options.disable_after, Duration::from_secs(5 * 60 * 60 * 24));
    assert_eq!(options.retention, Duration::from_secs(30 * 60 * 60 * 24));
    assert_eq!(options.concurrency, 128);
}

#[test]
fn a_secret_is_32_bytes_and_never_the_same() {
    let texts = [(); 100].map(|()| Secret::generate().unwrap().expose().to_owned());
    for text in &texts {
        let encoded = text.strip_prefix("whsec_").unwrap();
        // 32 bytes are 43 letters and one that fills up; 31 and 33 are filled up otherwise.
        assert_eq!(encoded.len(), 44);
        assert_eq!(encoded.trim_end_matches('=').len(), 43);
    }
    let different: std::collections::BTreeSet<_> = texts.iter().collect();
    assert_eq!(different.len(), texts.len());
    assert_eq!(Secrets::GRACE, Duration::from_secs(60 * 60 * 24));
}
