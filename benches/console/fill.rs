//! A store as it is after a year: applications in each state, deliveries, tokens.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use certificate_lifecycle::engine::{Clock, SystemClock};
use certificate_lifecycle::store::{
    AnyStore, Attempt, Claim, DeliveryFilter, InstitutionId, Outbox, Outcome, Settlement,
};
use certificate_lifecycle::webhook::{Endpoint, Secret, WebhookUrl};
use chrono::TimeDelta;
use uuid::Uuid;

use crate::CERTLIFE;

/// How many deliveries there are.
const DELIVERIES: u64 = 100_000;

/// What pages are asked for.
pub struct Filled {
    pub webhook: Uuid,
    pub delivery: i64,
}

/// The identity of the nth application.
pub fn uuid(number: u64) -> Uuid {
    Uuid::from_u128(u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

/// The commands of the nth application. Of ten, one waits, one is in progress, one has failed, one
/// is rejected if it is a customer's, and the others are approved.
fn commands(number: u64) -> Vec<String> {
    let uuid = uuid(number);
    let act = |command: &str, actor: &str, rest: &str| {
        format!(
            "{{\"command\":\"{command}\",\"uuid\":\"{uuid}\",\"institution\":\"uni\",\"actor\":\"{actor}\"{rest}}}"
        )
    };
    let what = format!(
        ",\"application_id\":{},\"certificate_title\":\"Certificate {} of Achievement\",\
         \"applicant_email\":\"applicant{number}@example.com\"",
        number + 1,
        number % 1000,
    );
    let approved = || act("approve", "system:processor", "");
    let failed = || {
        let error = format!(
            ",\"error\":\"the signer answered {}\"",
            500 + number / 10 % 7
        );
        act("fail", "system:processor", &error)
    };
    // What the institution uploads needs no decision.
    if number.is_multiple_of(3) {
        let what = format!(",\"trigger_context\":\"bulk_upload\"{what}");
        let mut all = vec![act("upload", "administrator:jane", &what)];
        match number % 10 {
            0 | 2 => {}
            3 => all.push(failed()),
            _ => all.push(approved()),
        }
        return all;
    }
    let mut all = vec![act("submit", "customer:john", &what)];
    let reason = ",\"rejection_reason\":\"The document cannot be read.\"";
    match number % 10 {
        0 => {}
        1 => all.push(act("reject", "administrator:jane", reason)),
        rest => {
            all.push(act("begin_processing", "administrator:jane", ""));
            match rest {
                2 => {}
                3 => all.push(failed()),
                _ => all.push(approved()),
            }
        }
    }
    all
}

fn apply(store: &str, lines: &Path) {
    let status = Command::new(CERTLIFE)
        .args(["apply", lines.to_str().unwrap()])
        .env("CERTLIFE_STORE", store)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.unwrap().success(), "certlife apply has failed");
}

/// Fills the store. The last applications have deliveries.
pub async fn fill(store: &str, applications: u64) -> Filled {
    let began = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let lines = folder.path().join("lines");
    // An application has two or three events.
    let first = applications - (DELIVERIES * 10 / 26).min(applications / 2);
    let write = |range: std::ops::Range<u64>| {
        let mut file = BufWriter::new(File::create(&lines).unwrap());
        for line in range.flat_map(commands) {
            writeln!(file, "{line}").unwrap();
        }
        file.flush().unwrap();
        apply(store, &lines);
    };
    write(0..first);
    let opened = AnyStore::open(&store.parse().unwrap()).await.unwrap();
    let institution = InstitutionId::new("uni").unwrap();
    let webhook = register(&opened, &institution).await;
    write(first..applications);
    deliver(&opened, webhook).await;
    let filter = DeliveryFilter::default().with_webhook(Some(webhook));
    let page = opened.deliveries(Some(&institution), filter, None, 1).await;
    let delivery = page.unwrap().deliveries[0].id.0;
    println!("filled in {:.0} s", began.elapsed().as_secs_f64());
    Filled { webhook, delivery }
}

async fn register(store: &AnyStore, institution: &InstitutionId) -> Uuid {
    let id = Uuid::from_u128(7);
    let url = "https://example.com/hooks".parse::<WebhookUrl>().unwrap();
    let endpoint = Endpoint::new(url, Secret::generate().unwrap());
    let webhook = certificate_lifecycle::store::Webhook::new(
        id,
        institution.clone(),
        endpoint,
        SystemClock.now(),
    );
    assert!(store.add_webhook(webhook).await.unwrap());
    id
}

/// Of a hundred deliveries, one is dead and one is tried again; the last thousand wait.
async fn deliver(store: &AnyStore, webhook: Uuid) {
    let (mut number, mut turn) = (0_u64, 0);
    while number < DELIVERIES - 1000 {
        let now = SystemClock.now();
        let claim = Claim::new(now, Duration::from_secs(60), vec![(webhook, 1000)]);
        let claimed = store.claim(claim.with_turn(turn)).await.unwrap();
        if claimed.deliveries.is_empty() {
            break;
        }
        turn += 1;
        let settle = |it: &certificate_lifecycle::store::LeasedDelivery| {
            number += 1;
            let outcome = match number % 100 {
                0 => Outcome::Dead {
                    reason: "all attempts have failed".to_owned(),
                },
                1 => Outcome::Retry {
                    at: now + TimeDelta::days(1),
                },
                _ => Outcome::Delivered,
            };
            let status = if outcome == Outcome::Delivered {
                200
            } else {
                500
            };
            let attempt = Attempt::new(now).with_status(Some(status));
            Settlement::new(it.id, it.token, outcome).with_attempt(Some(attempt))
        };
        let settlements = claimed.deliveries.iter().map(settle).collect();
        store.settle(now, settlements, Vec::new()).await.unwrap();
    }
}
