//! Rounds: a pair, a load, a fault, and what holds after it.

use std::time::Instant;

use crate::faults::{Fault, Plan};
use crate::random::Random;
use crate::round;

/// How many rounds there are if `HA_ROUNDS` does not say otherwise.
const ROUNDS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_acknowledged_is_lost_and_work_goes_on_through_every_fault() {
    let wanted = std::env::var("HA_ROUNDS").map(|it| it.parse().expect("HA_ROUNDS is a number"));
    let is_short = wanted.is_err();
    let faults = faults();
    let mut random = Random::new("ha");
    let mut failed = Vec::new();
    for round in 0..wanted.unwrap_or(ROUNDS) {
        let plan = Plan::new(faults[round % faults.len()], &mut random, is_short);
        let start = Instant::now();
        let (report, violations) = round::run(plan).await;
        let outcome = if violations.is_empty() {
            "ok"
        } else {
            "FAILED"
        };
        println!(
            "round {}: {plan:?} ... {outcome} ({:.0?}): {report}",
            round + 1,
            start.elapsed()
        );
        for violation in &violations {
            println!("    {violation}");
        }
        if !violations.is_empty() {
            failed.push(format!("round {}, {:?}", round + 1, plan.fault));
        }
    }
    assert!(failed.is_empty(), "failed: {failed:#?}");
}

/// All of them, or those whose names have `HA_FAULT` in them.
fn faults() -> Vec<Fault> {
    let wanted = std::env::var("HA_FAULT").unwrap_or_default();
    let mut faults = Fault::ALL.to_vec();
    faults.retain(|it| format!("{it:?}").contains(&wanted));
    assert!(
        !faults.is_empty(),
        "no fault is called {wanted:?}: {:?}",
        Fault::ALL
    );
    faults
}
