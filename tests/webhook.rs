//! What is sent is signed so that its receiver can verify it, and nothing else passes.
#![cfg(feature = "verify")]

use certificate_lifecycle::webhook::{
    Arrival, Secret, SecretError, SignedRequest, TrackError, Tracker, Verified, Verifier,
    VerifyError, platform_signature, standard_signature,
};
use certificate_lifecycle::{
    Action, AnyApplication, ApplicantEmail, Application, ApplicationDetails, ApplicationId,
    CertificateTitle, Command, Event, EventKind, ProcessingError, Status,
};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use uuid::{Uuid, uuid};

const WEBHOOK: Uuid = uuid!("a1b2c3d4-e5f6-7890-abcd-ef1234567890");

fn at() -> DateTime<Utc> {
    "2026-06-04T10:30:00Z".parse().unwrap()
}

fn secret(byte: u8) -> Secret {
    Secret::from_key(&[byte; 32]).unwrap()
}

fn details() -> ApplicationDetails {
    ApplicationDetails::new(
        ApplicationId::new(42).unwrap(),
        uuid!("9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15"),
        CertificateTitle::new("Certificate of Achievement").unwrap(),
        ApplicantEmail::new("john@example.com").unwrap(),
    )
}

/// Submitted, taken into processing, failed, retried, approved.
fn life() -> Vec<Event> {
    let submitted = Application::submit(details(), at());
    let mut events = vec![submitted.event];
    let mut application = AnyApplication::from(submitted.application);
    let error = ProcessingError::new("no answer").unwrap();
    for command in [
        Command::BeginProcessing,
        Command::Fail(error),
        Command::Retry,
        Command::Approve,
    ] {
        let next = application.apply(command, at()).unwrap();
        events.push(next.event);
        application = next.application;
    }
    assert!(!application.can(Action::Approve));
    events
}

/// A request as it arrives.
#[derive(Clone)]
struct Request {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn of(event: &Event, secrets: &[Secret]) -> Self {
        let body = event.to_json(WEBHOOK).into_bytes();
        let attempt = SignedRequest {
            webhook_id: WEBHOOK,
            event_id: event.id(),
            kind: event.kind(),
            at: at(),
        };
        let headers = attempt.headers(&secrets[0], secrets, &body);
        let headers = headers.map(|(name, value)| (name.to_owned(), value));
        Self {
            headers: headers.into(),
            body,
        }
    }

    fn without(mut self, header: &str) -> Self {
        self.headers.retain(|(name, _)| name != header);
        self
    }

    fn with(mut self, header: &str, value: &str) -> Self {
        self = self.without(header);
        self.headers.push((header.to_owned(), value.to_owned()));
        self
    }

    /// As an old receiver knows it.
    fn platform_only(self) -> Self {
        self.without("webhook-id")
            .without("webhook-signature")
            .without("webhook-timestamp")
    }

    fn verify(&self, verifier: &Verifier) -> Result<Verified<'_>, VerifyError> {
        self.verify_at(verifier, at())
    }

    fn verify_at(
        &self,
        verifier: &Verifier,
        now: DateTime<Utc>,
    ) -> Result<Verified<'_>, VerifyError> {
        let headers = self.headers.iter().map(|(name, value)| (name, value));
        verifier.verify(headers, &self.body, now)
    }
}

#[test]
fn the_published_vector_of_standard_webhooks() {
    let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
    let body = br#"{"test": 2432232314}"#;
    assert_eq!(
        standard_signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    );
}

/// The cases of the specification's own test files (`libraries/*/…/webhook_test*`), with their
/// secret, id and body.
#[test]
fn the_published_cases_of_standard_webhooks() {
    const TIME: i64 = 1_614_265_330;
    const TOLERANCE: i64 = 5 * 60;
    let verifier = Verifier::new(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap()]);
    let valid = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let good = Request {
        headers: Vec::new(),
        body: br#"{"test": 2432232314}"#.into(),
    }
    .with("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
    .with("webhook-timestamp", "1614265330")
    .with("webhook-signature", valid);
    let signed = |signature: &str| good.clone().with("webhook-signature", signature);
    let wrong = "Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=";
    let with_others = format!("v1,{wrong} v2,{wrong} {valid} v1,{wrong}");
    let only_others = format!("v1,{wrong} v2,{wrong} v1,{wrong}");
    // Their id and body are none of ours, which is looked at after the signature.
    let fits = VerifyError::MalformedHeader {
        header: "webhook-id",
        expected: "the id of an event",
    };
    let fits_none = VerifyError::NoMatch {
        header: "webhook-signature",
    };
    let no_time = VerifyError::MalformedHeader {
        header: "webhook-timestamp",
        expected: "a time in Unix seconds",
    };
    let missing = |header| VerifyError::MissingHeader { header };
    #[rustfmt::skip]
    let cases = [
        ("valid", good.clone(), &fits),
        ("several signatures", signed(&with_others), &fits),
        ("several wrong ones", signed(&only_others), &fits_none),
        ("no id", good.clone().without("webhook-id"), &missing("webhook-id")),
        ("no time", good.clone().without("webhook-timestamp"), &missing("webhook-timestamp")),
        ("a time that is none", good.clone().with("webhook-timestamp", "hello"), &no_time),
        ("no signature", good.clone().without("webhook-signature"), &VerifyError::NoSignature),
        ("an invalid signature", signed("v1,dawfeoifkpqwoekfpqoekf"), &fits_none),
        ("one letter is wrong", signed("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA="), &fits_none),
        ("a part of a signature", signed(&valid[..8]), &fits_none),
        ("no more than its version", signed("v1,"), &fits_none),
        ("the right one as another version", signed(&valid.replace("v1", "v2")), &fits_none),
        ("without its version", signed(&valid[3..]), &fits_none),
    ];
    let now = |seconds| DateTime::from_timestamp(TIME + seconds, 0).unwrap();
    for (case, request, expected) in cases {
        let error = request.verify_at(&verifier, now(0)).unwrap_err();
        assert_eq!(&error, expected, "{case}");
    }
    let (at, late, early) = (now(0), now(TOLERANCE + 1), now(-TOLERANCE - 1));
    let too_old = VerifyError::TooOld { at, now: late };
    assert_eq!(good.verify_at(&verifier, late).unwrap_err(), too_old);
    let too_new = VerifyError::TooNew { at, now: early };
    assert_eq!(good.verify_at(&verifier, early).unwrap_err(), too_new);
}

#[test]
fn one_right_signature_among_wrong_ones_is_enough() {
    let event = &life()[0];
    let verifier = Verifier::new([secret(1)]);
    let request = Request::of(event, &[secret(1)]);
    let signature = |request: &Request| {
        let found = request.headers.iter();
        let mut found = found.filter(|(name, _)| name == "webhook-signature");
        found.next().unwrap().1.clone()
    };
    let right = signature(&request);
    let wrong = signature(&Request::of(event, &[secret(2)]));
    let other = wrong.replace("v1,", "v2,");
    let several = format!("{wrong} {other} {right} {wrong}");
    let request = request.with("webhook-signature", &several);
    let delivery = request.verify(&verifier).unwrap();
    assert_eq!(delivery.event_id, Some(event.id()));
    let without = request.with("webhook-signature", &format!("{wrong} {other} {wrong}"));
    let header = "webhook-signature";
    assert_eq!(
        without.verify(&verifier),
        Err(VerifyError::NoMatch { header })
    );
}

#[test]
fn the_platforms_signature_is_keyed_by_the_text_of_the_secret() {
    // As `printf '{"a":1}' | openssl dgst -sha256 -hmac "$SECRET"` prints it.
    let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
    assert_eq!(
        platform_signature(&secret, br#"{"a":1}"#),
        "45ec03b2b33403c8043a90de06bedad0827183927115fd7e448ef97eeb13c5be"
    );
}

#[test]
fn what_is_sent_verifies_by_both_signatures() {
    let verifier = Verifier::new([secret(1)]);
    for event in life() {
        let request = Request::of(&event, &[secret(1)]);
        assert_eq!(request.headers.len(), 7);
        let delivery = request.verify(&verifier).unwrap();
        assert_eq!(delivery.payload.kind(), event.kind());
        assert_eq!(delivery.event_id, Some(event.id()));
        // The platform's alone has no time in it: it is taken where that is wanted.
        let request = request.platform_only();
        let alone = VerifyError::PlatformSignatureAlone;
        assert_eq!(request.verify(&verifier).unwrap_err(), alone);
        let lenient = verifier.clone().accept_platform_signature();
        let delivery = request.verify(&lenient).unwrap();
        assert_eq!(delivery.payload.kind(), event.kind());
        // The platform's signature does not cover it.
        assert_eq!(delivery.event_id, None);
    }
}

#[test]
fn while_secrets_rotate_old_and_new_receivers_verify() {
    let event = &life()[0];
    // Given that two secrets sign, the first for the platform
    let request = Request::of(event, &[secret(1), secret(2)]);
    let old = Verifier::new([secret(1)]).accept_platform_signature();
    let new = Verifier::new([secret(2)]).accept_platform_signature();
    let both = Verifier::new([secret(2), secret(1)]).accept_platform_signature();
    for verifier in [&old, &new, &both] {
        assert!(request.verify(verifier).is_ok());
    }
    let request = request.platform_only();
    assert!(request.verify(&old).is_ok() && request.verify(&both).is_ok());
    let header = "x-webhook-signature";
    assert_eq!(request.verify(&new), Err(VerifyError::NoMatch { header }));
}

#[test]
fn each_thing_that_is_wrong_has_its_error() {
    let event = &life()[0];
    let verifier = Verifier::new([secret(1)]).accept_platform_signature();
    let good = Request::of(event, &[secret(1)]);
    let with = |name, value: &str| good.clone().with(name, value);
    let without = |name| good.clone().without(name);
    let old = good.clone().platform_only();
    let malformed = |header, expected| VerifyError::MalformedHeader { header, expected };
    let missing = |header| VerifyError::MissingHeader { header };
    let fits_none = |header| VerifyError::NoMatch { header };
    let other_event = |header| VerifyError::OtherEvent { header };
    let (seconds, digits) = ("a time in Unix seconds", "64 hexadecimal digits");
    let cases = [
        (
            old.clone().without("x-webhook-signature"),
            VerifyError::NoSignature,
        ),
        (without("webhook-id"), missing("webhook-id")),
        (without("webhook-timestamp"), missing("webhook-timestamp")),
        (
            with("webhook-timestamp", "today"),
            malformed("webhook-timestamp", seconds),
        ),
        (
            with("webhook-timestamp", "99999999999999999"),
            malformed("webhook-timestamp", seconds),
        ),
        (
            old.clone().with("x-webhook-signature", "abc"),
            malformed("x-webhook-signature", digits),
        ),
        (
            old.clone().with("x-webhook-signature", &"g".repeat(64)),
            malformed("x-webhook-signature", digits),
        ),
        (
            old.clone().with("x-webhook-signature", &"0".repeat(64)),
            fits_none("x-webhook-signature"),
        ),
        // A wrong Standard Webhooks signature is not made good by the platform's.
        (
            with("webhook-signature", "v1,AAAA"),
            fits_none("webhook-signature"),
        ),
        (
            with("webhook-signature", "v2,unknown"),
            fits_none("webhook-signature"),
        ),
        (
            with("webhook-signature", ""),
            fits_none("webhook-signature"),
        ),
        (
            with("webhook-id", "another"),
            fits_none("webhook-signature"),
        ),
        (
            with("x-webhook-event", EventKind::Approved.name()),
            other_event("x-webhook-event"),
        ),
        (
            with("x-webhook-id", &Uuid::nil().to_string()),
            other_event("x-webhook-id"),
        ),
    ];
    for (request, expected) in cases {
        assert_eq!(request.verify(&verifier).unwrap_err(), expected);
    }
}

#[test]
fn a_header_twice_and_a_signed_nonsense_are_reported() {
    let event = &life()[0];
    let verifier = Verifier::new([secret(1)]);
    let mut twice = Request::of(event, &[secret(1)]);
    twice
        .headers
        .push(("Webhook-ID".to_owned(), event.id().to_string()));
    let header = "webhook-id";
    assert_eq!(
        twice.verify(&verifier).unwrap_err(),
        VerifyError::RepeatedHeader { header }
    );
    // Signed, but no event.
    let body = b"{}".to_vec();
    let signature = platform_signature(&secret(1), &body);
    let headers = vec![("X-Webhook-Signature".to_owned(), signature)];
    let request = Request { headers, body };
    assert!(matches!(
        request.verify(&verifier.accept_platform_signature()),
        Err(VerifyError::Payload(_))
    ));
}

#[test]
fn an_attempt_counts_for_five_minutes_either_way() {
    let verifier = Verifier::new([secret(1)]);
    let request = Request::of(&life()[0], &[secret(1)]);
    for seconds in [-300, -299, 0, 299, 300] {
        let now = at() + TimeDelta::seconds(seconds);
        assert!(request.verify_at(&verifier, now).is_ok(), "{seconds}");
    }
    let now = at() + TimeDelta::seconds(301);
    let too_old = VerifyError::TooOld { at: at(), now };
    assert_eq!(request.verify_at(&verifier, now).unwrap_err(), too_old);
    let now = at() - TimeDelta::seconds(301);
    let too_new = VerifyError::TooNew { at: at(), now };
    assert_eq!(request.verify_at(&verifier, now).unwrap_err(), too_new);
    // The limit cannot be escaped by leaving headers away, unless that is accepted.
    let later = at() + TimeDelta::days(1);
    let old = request.clone().platform_only();
    for (left_away, expected) in [
        (old.clone(), VerifyError::PlatformSignatureAlone),
        (
            request.clone().without("webhook-signature"),
            VerifyError::PlatformSignatureAlone,
        ),
        (
            request.clone().without("webhook-timestamp"),
            VerifyError::MissingHeader {
                header: "webhook-timestamp",
            },
        ),
    ] {
        assert_eq!(left_away.verify_at(&verifier, later).unwrap_err(), expected);
    }
    let lenient = verifier.accept_platform_signature();
    assert!(old.verify_at(&lenient, later).is_ok());
    // Where it is there, the other one decides all the same.
    let now = at() + TimeDelta::seconds(301);
    assert!(matches!(
        request.verify_at(&lenient, now),
        Err(VerifyError::TooOld { .. })
    ));
}

#[test]
fn headers_ignore_case_and_are_bytes() {
    let verifier = Verifier::new([secret(1)]);
    let request = Request::of(&life()[0], &[secret(1)]);
    let headers = request.headers.iter();
    let shouted =
        headers.map(|(name, value)| (name.to_uppercase(), format!(" {value}\t").into_bytes()));
    assert!(verifier.verify(shouted, &request.body, at()).is_ok());
    let headers = [
        ("webhook-signature", &b"v1,\xff"[..]),
        ("webhook-id", b"\xff"),
        ("webhook-timestamp", b"1"),
    ];
    assert!(verifier.verify(headers, &request.body, at()).is_err());
}

#[test]
fn the_error_of_a_secret_names_what_it_lacks_and_shows_nothing_of_it() {
    for (text, expected) in [
        ("", SecretError::NoPrefix),
        (
            "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            SecretError::NoPrefix,
        ),
        ("whsec_", SecretError::Length { bytes: 0 }),
        ("whsec_AAAA", SecretError::Length { bytes: 3 }),
        ("whsec_not base64 at all, is it?", SecretError::NotBase64),
        // What some verifiers refuse, and others read as another key.
        (
            "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY",
            SecretError::NoPadding { padding: "=" },
        ),
        (
            "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZQ",
            SecretError::NoPadding { padding: "==" },
        ),
        (
            "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZQ=",
            SecretError::NoPadding { padding: "=" },
        ),
        (
            "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWZ=",
            SecretError::NotBase64,
        ),
        (
            "whsec_-_EyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
            SecretError::NotBase64,
        ),
        (
            "whsec_MDEyMzQ1Njc4OWFi\nY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
            SecretError::NotBase64,
        ),
        (
            "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY= ",
            SecretError::NotBase64,
        ),
    ] {
        assert_eq!(text.parse::<Secret>().unwrap_err(), expected, "{text}");
    }
    assert_eq!(
        Secret::from_key(&[0; 65]).unwrap_err(),
        SecretError::Length { bytes: 65 }
    );
    let secret = secret(7);
    assert_eq!(secret.expose().parse::<Secret>().unwrap(), secret);
    let shown = format!("{secret:?} {:?}", Verifier::new([secret.clone()]));
    assert!(!shown.contains(&secret.expose()[6..]), "{shown}");
}

fn tracked(event: &Event) -> (Vec<u8>, Uuid) {
    (event.to_json(WEBHOOK).into_bytes(), event.id())
}

proptest! {
    /// However often and in whatever order events come, the state is that of the newest that came,
    /// each is news once, and what is missing is known.
    #[test]
    fn a_tracker_is_confused_by_no_order(order in prop::collection::vec(0_usize..5, 1..30)) {
        let events: Vec<_> = life().iter().map(tracked).collect();
        let kinds: Vec<_> = life().iter().map(Event::kind).collect();
        let mut tracker = Tracker::new();
        let mut seen = std::collections::BTreeSet::new();
        for index in order {
            let (body, id) = &events[index];
            let verifier = Verifier::new([secret(1)]);
            let attempt = SignedRequest { webhook_id: WEBHOOK, event_id: *id, kind: kinds[index], at: at() };
            let headers = attempt.headers(&secret(1), &[secret(1)], body);
            let delivery = verifier.verify(headers, body, at()).unwrap();
            let news = tracker.take(&delivery).unwrap();
            let expected = if seen.contains(&index) {
                Arrival::Duplicate
            } else if seen.last().is_some_and(|newest| *newest > index) {
                Arrival::Late
            } else {
                Arrival::Newest
            };
            prop_assert_eq!(news, expected);
            seen.insert(index);
            let newest = *seen.last().unwrap();
            let known = tracker.get(details().uuid()).unwrap();
            prop_assert_eq!(known.kind(), kinds[newest]);
            prop_assert_eq!(known.version(), newest as u64 + 1);
            let missing: Vec<u64> = known.missing().flat_map(|(first, last)| first..=last).collect();
            let expected: Vec<u64> = (0..newest).filter(|it| !seen.contains(it)).map(|it| it as u64 + 1).collect();
            prop_assert_eq!(missing, expected);
        }
    }

    /// Whatever is changed about the body or the id, no signature fits any more.
    #[test]
    fn nothing_else_verifies(place in any::<prop::sample::Index>(), bit in 0_u8..8, other in 2_u8..255) {
        let good = Request::of(&life()[0], &[secret(1)]);
        let verifier = Verifier::new([secret(1)]).accept_platform_signature();
        let mut changed = good.clone();
        let at = place.index(changed.body.len());
        changed.body[at] ^= 1 << bit;
        for request in [changed.clone(), changed.platform_only()] {
            let no_match = matches!(request.verify(&verifier), Err(VerifyError::NoMatch { .. }));
            prop_assert!(no_match);
        }
        for request in [good.clone(), good.platform_only()] {
            prop_assert!(request.verify(&Verifier::new([secret(other)]).accept_platform_signature()).is_err());
            prop_assert!(request.verify(&Verifier::new([]).accept_platform_signature()).is_err());
        }
    }
}

#[test]
fn a_tracker_says_what_it_cannot_follow() {
    let event = &life()[0];
    let verifier = Verifier::new([secret(1)]).accept_platform_signature();
    let mut tracker = Tracker::new();
    let request = Request::of(event, &[secret(1)]).platform_only();
    let delivery = request.verify(&verifier).unwrap();
    assert_eq!(tracker.take(&delivery), Err(TrackError::NoEventId));
    let foreign = Verified {
        event_id: Some(Uuid::nil()),
        ..delivery.clone()
    };
    let uuid = details().uuid();
    let expected = TrackError::ForeignId {
        event_id: Uuid::nil(),
        uuid,
    };
    assert_eq!(tracker.take(&foreign), Err(expected));
    assert_eq!(tracker.get(uuid), None);
    // And forgets when it is asked to
    let known = Verified {
        event_id: Some(event.id()),
        ..delivery
    };
    assert_eq!(tracker.take(&known), Ok(Arrival::Newest));
    assert_eq!(tracker.iter().count(), 1);
    assert_eq!(tracker.forget(uuid).unwrap().status(), Status::Created);
    assert_eq!(tracker.take(&known), Ok(Arrival::Newest));
}
