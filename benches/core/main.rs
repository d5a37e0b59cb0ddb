//! The core against its peers, interleaved in one run: `cargo bench --bench core`.
//!
//! Each pair is measured in alternating rounds, so that whatever slows the machine slows both; the
//! median round counts.

mod by_hand;
#[path = "../support/mod.rs"]
mod support;

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use certificate_lifecycle::{
    AnyApplication, ApplicantEmail, Application, ApplicationDetails, ApplicationId,
    CertificateTitle, Command, Event, EventPayload, ProcessingError, Source, Transition,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use support::{Row, conclude};
use uuid::{Uuid, uuid};

const ROUNDS: usize = 41;
/// How many webhooks one event goes to.
const WEBHOOKS: u8 = 16;
const WEBHOOK: Uuid = uuid!("a1b2c3d4-e5f6-7890-abcd-ef1234567890");
const APPLICATION: Uuid = uuid!("9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15");

fn main() -> ExitCode {
    let rows = [
        typed_transitions(),
        runtime_transitions(),
        first_payload(),
        further_webhooks(),
        reading(),
    ];
    conclude(&rows)
}

/// Nanoseconds of one call each, in alternating rounds.
fn race(calls: u32, mut ours: impl FnMut(), mut peer: impl FnMut()) -> (f64, f64) {
    let (mut our_rounds, mut peer_rounds) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        our_rounds.push(round(calls, &mut ours));
        peer_rounds.push(round(calls, &mut peer));
    }
    (median(our_rounds), median(peer_rounds))
}

fn round(calls: u32, work: &mut impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        work();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}

fn median(mut rounds: Vec<f64>) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

fn row(work: &str, peer: &str, goal: f64, (ours_ns, peer_ns): (f64, f64)) -> Row {
    Row {
        work: work.to_owned(),
        ours: format!("{ours_ns:.1} ns"),
        peer: format!("{peer}: {peer_ns:.1} ns"),
        ratio: peer_ns / ours_ns,
        goal,
    }
}

fn at() -> DateTime<Utc> {
    "2026-06-04T10:30:00Z".parse().unwrap()
}

fn details() -> Arc<ApplicationDetails> {
    Arc::new(ApplicationDetails::new(
        ApplicationId::new(42).unwrap(),
        APPLICATION,
        CertificateTitle::new("Certificate of Achievement").unwrap(),
        ApplicantEmail::new("john@example.com").unwrap(),
    ))
}

fn hand_made() -> by_hand::Application {
    by_hand::Application {
        details: details(),
        source: Source::Customer,
        status: by_hand::Status::Created,
        version: 1,
        updated_at: at(),
    }
}

fn typed_transitions() -> Row {
    let (at, error) = (at(), ProcessingError::new("template not found").unwrap());
    let created = Application::submit(details(), at).application;
    let by_hand = hand_made();
    let ours = || {
        let step = black_box(created.clone()).begin_processing(black_box(at));
        black_box(&step.event);
        let step = step.application.fail(error.clone(), black_box(at));
        black_box(&step.event);
        let step = step.application.retry(black_box(at));
        black_box(&step.event);
        let _ = black_box(step.application.approve(black_box(at)));
    };
    let peer = || hand_made_walk(&by_hand, &error, at);
    row(
        "four typed transitions",
        "enum and match by hand",
        1.0,
        race(200_000, ours, peer),
    )
}

fn hand_made_walk(created: &by_hand::Application, error: &ProcessingError, at: DateTime<Utc>) {
    use by_hand::Command;
    let mut application = black_box(created.clone());
    for command in [
        Command::BeginProcessing,
        Command::Fail(error.clone()),
        Command::Retry,
        Command::Approve,
    ] {
        let Ok((next, event)) = application.apply(black_box(command), black_box(at)) else {
            unreachable!("the walk is legal")
        };
        black_box(&event);
        application = next;
    }
    black_box(application);
}

fn runtime_transitions() -> Row {
    let (at, error) = (at(), ProcessingError::new("template not found").unwrap());
    let created: AnyApplication = Application::submit(details(), at).application.into();
    let by_hand = hand_made();
    let ours = || {
        let mut current = black_box(created.clone());
        for command in [
            Command::BeginProcessing,
            Command::Fail(error.clone()),
            Command::Retry,
            Command::Approve,
        ] {
            let Ok(Transition { application, event }) =
                current.apply(black_box(command), black_box(at))
            else {
                unreachable!("the walk is legal")
            };
            black_box(&event);
            current = application;
        }
        black_box(current);
    };
    let peer = || hand_made_walk(&by_hand, &error, at);
    row(
        "four runtime transitions",
        "enum and match by hand",
        1.0,
        race(200_000, ours, peer),
    )
}

/// The same payload as one would derive it.
#[derive(Serialize, Deserialize)]
struct Derived<'a> {
    event: &'a str,
    webhook_id: Uuid,
    timestamp: DateTime<Utc>,
    application_id: u64,
    uuid: Uuid,
    certificate_title: &'a str,
    applicant_email: &'a str,
    source: &'a str,
    error: &'a str,
}

const ERROR: &str = "PDF generation failed: template not found";

fn failed_event() -> Event {
    let created = Application::submit(details(), at()).application;
    let error = ProcessingError::new(ERROR).unwrap();
    let processing = created.begin_processing(at()).application;
    processing.fail(error, at()).event
}

fn derived() -> Derived<'static> {
    Derived {
        event: "certificate_application.failed",
        webhook_id: WEBHOOK,
        timestamp: at(),
        application_id: 42,
        uuid: APPLICATION,
        certificate_title: "Certificate of Achievement",
        applicant_email: "john@example.com",
        source: "customer",
        error: ERROR,
    }
}

fn first_payload() -> Row {
    let (event, derived) = (failed_event(), derived());
    assert_eq!(
        event.to_json(WEBHOOK),
        serde_json::to_string(&derived).unwrap()
    );
    let ours = || drop(black_box(black_box(&event).to_json(black_box(WEBHOOK))));
    let peer = || {
        drop(black_box(
            serde_json::to_string(black_box(&derived)).unwrap(),
        ));
    };
    row(
        "payload to bytes",
        "serde_json, derived",
        3.0,
        race(200_000, ours, peer),
    )
}

fn further_webhooks() -> Row {
    let event = failed_event();
    let mut rendered = event.render();
    let webhooks: Vec<_> = (0..WEBHOOKS)
        .map(|index| Uuid::new_v5(&WEBHOOK, &[index]))
        .collect();
    // As a dispatcher does: one event, all the webhooks of its institution.
    let ours = || {
        for webhook in black_box(&webhooks) {
            black_box(rendered.for_webhook(*webhook));
        }
    };
    let peer = || {
        for webhook in black_box(&webhooks) {
            black_box(black_box(&event).to_json(*webhook));
        }
    };
    let (ours, peer) = race(20_000, ours, peer);
    let one = |all: f64| all / f64::from(WEBHOOKS);
    row(
        "each further webhook",
        "the first",
        10.0,
        (one(ours), one(peer)),
    )
}

fn reading() -> Row {
    let json = failed_event().to_json(WEBHOOK);
    let ours = || {
        drop(black_box(
            EventPayload::parse(black_box(json.as_bytes())).unwrap(),
        ));
    };
    let peer = || {
        let payload: Derived<'_> = serde_json::from_slice(black_box(json.as_bytes())).unwrap();
        black_box(payload);
    };
    row(
        "bytes to payload, every rule checked",
        "serde_json, derived, nothing checked",
        0.5,
        race(100_000, ours, peer),
    )
}
