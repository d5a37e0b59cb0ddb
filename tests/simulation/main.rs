//! Engine, store and dispatchers on virtual time: everything that can go wrong does, from a seed.
//!
//! Backends that crash in the middle of commands, which are repeated; crashes of dispatchers,
//! dispatchers that stand still and go on when others have taken over, leases that end while their
//! requests are still under way, several dispatchers at once, clocks that differ, questions and
//! answers that are lost, webhooks that are removed in the middle of everything, deliveries that
//! are dropped and redelivered, or pruned, receivers in every mood. What must hold is checked at
//! every step, and the rest at the end of each world.
//!
//! `tests/simulation/core` simulates the decisions of dispatchers alone, some times as fast;
//! `tests/simulation/speed` measures both.
//!
//! `SIMULATION_STEPS=10000000 cargo test --features delivery --test simulation` goes on for longer,
//! and `SIMULATION_SEED=…` replays one world.

#[macro_use]
#[path = "../support/delegate.rs"]
mod delegate;

mod backend;
mod commanders;
mod driver;
mod ending;
mod faulty;
mod health;
mod life;
mod operators;
mod outcomes;
mod progress;
mod random;
mod receivers;
mod record;
mod replay;
mod world;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many steps a test run takes, unless `SIMULATION_STEPS` says otherwise.
const STEPS: u64 = 300_000;

fn environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a number, but is {text:?}")),
    )
}

type Counts = BTreeMap<&'static str, u64>;

/// Worlds of one seed after the other, on as many threads as there are processors, each world on
/// one of them, until they have taken so many steps or one fails: how many steps, how many worlds,
/// and what they have met.
fn many_worlds(steps: u64) -> Result<(u64, u64, Counts), String> {
    let (taken, next) = (AtomicU64::new(0), AtomicU64::new(0));
    let some_worlds = || {
        let mut counts = Counts::new();
        while taken.load(Ordering::Relaxed) < steps {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let outcome = simulate(seed).inspect_err(|_| {
                taken.store(steps, Ordering::Relaxed);
            })?;
            taken.fetch_add(outcome.steps, Ordering::Relaxed);
            for (what, count) in outcome.counts {
                *counts.entry(what).or_default() += count;
            }
        }
        Ok(counts)
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let counts = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(some_worlds)).collect();
        let ended = running.into_iter().map(|it| it.join().unwrap());
        ended.collect::<Result<Vec<_>, String>>()
    })?;
    let mut all = Counts::new();
    for (what, count) in counts.into_iter().flatten() {
        *all.entry(what).or_default() += count;
    }
    Ok((taken.into_inner(), next.into_inner(), all))
}

/// One world: what became of it, or how it failed.
fn simulate(seed: u64) -> Result<driver::Outcome, String> {
    replay::world_of(seed, driver::run(seed))
}

#[test]
fn whatever_goes_wrong_every_event_reaches_every_subscriber_in_order_or_is_dead() {
    if let Some(seed) = environment("SIMULATION_SEED") {
        let outcome = simulate(seed).unwrap_or_else(|failed| panic!("{failed}"));
        println!("seed {seed}: {outcome:#?}");
        return;
    }
    let steps = environment("SIMULATION_STEPS").unwrap_or(STEPS);
    let (taken, worlds, counts) = many_worlds(steps).unwrap_or_else(|failed| panic!("{failed}"));
    println!("{taken} steps in {worlds} worlds: {counts:#?}");
    // What is not met is not tested.
    for what in [
        "answers lost",
        "arrived after a removal",
        "arrived again",
        "commands given up",
        "commands lost",
        "commands that came again",
        "commands repeated",
        "crashes",
        "crashes of backends",
        "dead",
        "delivered",
        "disabled as failing",
        "disabled as gone",
        "hopeless webhooks disabled",
        "leases taken over",
        "leases taken over early, by the clocks",
        "leases taken over from the suspended",
        "looks at pauses",
        "old and dead, not pruned",
        "old and pending, not pruned",
        "pruned",
        "questions lost",
        "receipts lost",
        "refused commands",
        "removed when dead",
        "removed when delivered",
        "removed while leased",
        "removed while pending",
        "requests begun after a removal",
        "responses lost",
        "settlements of what was abandoned",
        "settlements of what was removed",
        "settlements that came too late",
        "settlements too late after a suspension",
        "shut down",
        "slow claims",
        "suspensions",
        "webhooks disabled",
        "webhooks disabled before they recovered",
        "webhooks recovered before they were disabled",
    ] {
        assert!(
            counts.get(what).is_some_and(|it| *it > 0),
            "never met: {what}"
        );
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    let mut met = std::collections::BTreeSet::new();
    for seed in 0..16 {
        let [first, second] = [simulate(seed), simulate(seed)];
        assert_eq!(first, second, "seed {seed}");
        let first = first.unwrap_or_else(|failed| panic!("{failed}"));
        assert!(first.steps > 300);
        met.extend(first.counts.into_keys());
    }
    for what in [
        "suspensions",
        "pruned",
        "removed while pending",
        "disabled as failing",
    ] {
        assert!(met.contains(what), "never met: {what}");
    }
}
