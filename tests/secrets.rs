//! Which secrets sign what, while they are replaced again and again.
#![cfg(all(feature = "engine", feature = "verify"))]

use certificate_lifecycle::EventKind;
use certificate_lifecycle::webhook::{
    Secret, Secrets, SignedRequest, WEBHOOK_SIGNATURE, X_WEBHOOK_SIGNATURE, platform_signature,
    standard_signature,
};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use uuid::Uuid;

const BODY: &[u8] = br#"{"event":"certificate_application.created"}"#;

fn secret(byte: u8) -> Secret {
    Secret::from_key(&[byte; 32]).unwrap()
}

/// So long after the first secret was made.
fn at(minutes: i64) -> DateTime<Utc> {
    let start: DateTime<Utc> = "2026-06-04T10:30:00Z".parse().unwrap();
    start + TimeDelta::minutes(minutes)
}

/// Which secrets sign, the newest first, by the number of each.
fn standard(secrets: &Secrets, minutes: i64) -> Vec<u8> {
    let numbers = secrets.standard(at(minutes)).into_iter();
    numbers.map(|it| number(&it)).collect()
}

/// Which secret `X-Webhook-Signature` is made with.
fn platform(secrets: &Secrets, minutes: i64) -> u8 {
    number(secrets.platform(at(minutes)))
}

fn number(of: &Secret) -> u8 {
    (0..=u8::MAX).find(|it| secret(*it) == *of).unwrap()
}

/// Replaces the current secret by the one of this number, at a time, with times to switch over and
/// to end.
fn rotate(secrets: &mut Secrets, number: u8, now: i64, switch_over: i64, until: i64) {
    secrets.rotate(secret(number), at(now), at(switch_over), at(until));
}

#[test]
fn of_many_that_are_valid_the_three_newest_sign_on_and_the_oldest_stops() {
    // Given a new secret every hour, each of the old ones valid for a day
    let mut secrets = Secrets::new(secret(0));
    let signing = [
        &[1, 0][..],
        &[2, 1, 0],
        &[3, 2, 1, 0],
        &[4, 3, 2, 1],
        &[5, 4, 3, 2],
    ];
    for (number, signing) in (1_u8..).zip(signing) {
        let now = i64::from(number) * 60;
        rotate(&mut secrets, number, now, now + 12 * 60, now + 24 * 60);
        assert_eq!(standard(&secrets, now), signing);
        let old = secrets.old().iter().rev();
        let old: Vec<_> = old.map(|it| self::number(&it.secret)).collect();
        assert_eq!(old, signing[1..]);
        // What stopped at once left its switch-over to the next.
        assert_eq!(platform(&secrets, now), *signing.last().unwrap());
    }
    // Then a request carries exactly these signatures
    let attempt = SignedRequest {
        webhook_id: Uuid::nil(),
        event_id: Uuid::max(),
        kind: EventKind::Created,
        at: at(300),
    };
    let signing = secrets.standard(attempt.at);
    let headers = attempt.headers(secrets.platform(attempt.at), &signing, BODY);
    let header = |name| &headers.iter().find(|(it, _)| *it == name).unwrap().1;
    let (id, seconds) = (Uuid::max().to_string(), attempt.at.timestamp());
    let signature = |number| standard_signature(&secret(number), &id, seconds, BODY);
    let expected = [5, 4, 3, 2].map(signature).join(" ");
    assert_eq!(*header(WEBHOOK_SIGNATURE), expected);
    let expected = platform_signature(&secret(2), BODY);
    assert_eq!(*header(X_WEBHOOK_SIGNATURE), expected);
}

#[test]
fn each_old_secret_signs_until_its_own_time_whichever_was_replaced_first() {
    let mut secrets = Secrets::new(secret(0));
    rotate(&mut secrets, 1, 0, 10, 100);
    rotate(&mut secrets, 2, 1, 5, 50);
    rotate(&mut secrets, 3, 2, 20, 70);
    for (minutes, signing) in [
        (2, &[3, 2, 1, 0][..]),
        (49, &[3, 2, 1, 0]),
        (50, &[3, 2, 0]),
        (69, &[3, 2, 0]),
        (70, &[3, 0]),
        (99, &[3, 0]),
        (100, &[3]),
    ] {
        assert_eq!(standard(&secrets, minutes), signing, "{minutes}");
    }
}

#[test]
fn one_that_comes_back_signs_once() {
    let mut secrets = Secrets::new(secret(0));
    rotate(&mut secrets, 1, 0, 10, 100);
    rotate(&mut secrets, 0, 1, 20, 100);
    assert_eq!(standard(&secrets, 1), [0, 1]);
    rotate(&mut secrets, 2, 2, 30, 50);
    for (minutes, signing) in [(2, &[2, 0, 1][..]), (50, &[2, 1, 0]), (100, &[2])] {
        assert_eq!(standard(&secrets, minutes), signing, "{minutes}");
    }
}

#[test]
fn an_expired_secret_is_forgotten_by_the_next_rotation_and_takes_no_place() {
    let mut secrets = Secrets::new(secret(0));
    rotate(&mut secrets, 1, 0, 10, 100);
    rotate(&mut secrets, 2, 1, 11, 20);
    rotate(&mut secrets, 3, 2, 12, 102);
    // Given that the second of three has ended, but is still known
    assert_eq!(standard(&secrets, 20), [3, 2, 0]);
    assert_eq!(secrets.old().len(), 3);
    // When there is another one, then it goes, and the first stays
    rotate(&mut secrets, 4, 20, 30, 120);
    assert_eq!(standard(&secrets, 20), [4, 3, 2, 0]);
    assert!(secrets.old().iter().all(|it| it.secret != secret(1)));
    // In the end all of them go
    rotate(&mut secrets, 5, 500, 510, 600);
    assert_eq!(secrets.old().len(), 1);
    assert_eq!(standard(&secrets, 500), [5, 4]);
}

#[test]
fn a_secret_that_has_become_known_goes_at_once_and_takes_no_place() {
    let mut secrets = Secrets::new(secret(0));
    for number in 1_u8..=3 {
        let now = i64::from(number);
        rotate(&mut secrets, number, now, now + 10, now + 100);
    }
    assert_eq!(standard(&secrets, 4), [3, 2, 1, 0]);
    rotate(&mut secrets, 4, 4, 4, 4);
    assert_eq!(standard(&secrets, 4), [4, 2, 1, 0]);
    assert!(secrets.old().iter().all(|it| it.secret != secret(3)));
}

#[test]
fn the_platforms_header_follows_each_switch_over() {
    let mut secrets = Secrets::new(secret(0));
    rotate(&mut secrets, 1, 0, 30, 100);
    rotate(&mut secrets, 2, 10, 40, 110);
    assert_eq!(platform(&secrets, 29), 0);
    assert_eq!(platform(&secrets, 30), 1);
    // One more in between changes nothing of what those before it have promised.
    rotate(&mut secrets, 3, 35, 65, 135);
    for (minutes, expected) in [(35, 1), (39, 1), (40, 2), (64, 2), (65, 3), (1000, 3)] {
        assert_eq!(platform(&secrets, minutes), expected, "{minutes}");
    }
}

#[test]
fn the_platforms_header_passes_over_who_was_to_switch_earlier_and_ends_with_its_secret() {
    let mut secrets = Secrets::new(secret(0));
    rotate(&mut secrets, 1, 0, 30, 100);
    // It switches over before the one before it has.
    rotate(&mut secrets, 2, 1, 10, 100);
    for (minutes, expected) in [(1, 0), (10, 0), (29, 0), (30, 2)] {
        assert_eq!(platform(&secrets, minutes), expected, "{minutes}");
    }
    // A switch-over after the end is at the end.
    rotate(&mut secrets, 3, 40, 500, 60);
    for (minutes, expected) in [(59, 2), (60, 3)] {
        assert_eq!(platform(&secrets, minutes), expected, "{minutes}");
    }
}

proptest! {
    /// However often and with whatever times secrets are replaced: at most four sign, the current
    /// one among them; a secret stops before its time only where three newer ones were valid; and
    /// the platform's header is made with one that signs, and never goes back to an older one.
    #[test]
    fn no_rotation_surprises_a_receiver(
        rotations in prop::collection::vec((0_i64..60, 0_i64..200, 0_i64..200), 1..12),
    ) {
        let mut secrets = Secrets::new(secret(0));
        let (mut now, mut newest, mut replaced) = (0, 0, Vec::new());
        for (number, (pause, switch_over, grace)) in (1_u8..).zip(rotations) {
            let start = now;
            now += pause;
            for minutes in start..=now {
                let platform = platform(&secrets, minutes);
                prop_assert!(platform >= newest);
                newest = platform;
            }
            rotate(&mut secrets, number, now, now + switch_over, now + grace);
            replaced.push((number - 1, now + grace));
            // Whatever is yet to stop before its time stops now.
            let mut valid: Vec<_> = replaced.iter().copied().filter(|(_, until)| now < *until).collect();
            valid.drain(..valid.len().saturating_sub(3));
            replaced = valid;
            for minutes in [now, now + 50, now + 200] {
                let still = replaced.iter().rev().filter(|(_, until)| minutes < *until);
                let expected: Vec<_> = std::iter::once(number).chain(still.map(|(it, _)| *it)).collect();
                let signing = standard(&secrets, minutes);
                prop_assert!(signing.contains(&platform(&secrets, minutes)));
                prop_assert_eq!(signing, expected);
            }
        }
    }
}
