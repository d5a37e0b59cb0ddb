//! The simulation: worlds of one seed after the other.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::world::{End, run};

/// How many steps a test run takes, unless `SIMULATION_STEPS` gives another number.
const STEPS: u64 = 500_000;

fn environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a number: {text:?}")),
    )
}

fn world_of(seed: u64) -> End {
    catch_unwind(|| run(seed)).unwrap_or_else(|_| {
        panic!(
            "seed {seed}; again: SIMULATION_SEED={seed} cargo test --features delivery --lib -- core::tests::simulation"
        )
    })
}

/// Worlds on all processors, until they have taken so many steps.
fn many_worlds(steps: u64) -> (u64, u64, BTreeMap<&'static str, u64>) {
    let (taken, next) = (AtomicU64::new(0), AtomicU64::new(0));
    let some_worlds = || {
        let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
        while taken.load(Ordering::Relaxed) < steps {
            let end = world_of(next.fetch_add(1, Ordering::Relaxed));
            taken.fetch_add(end.steps, Ordering::Relaxed);
            for (what, count) in end.counts {
                *counts.entry(what).or_default() += count;
            }
        }
        counts
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let all = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(some_worlds)).collect();
        let mut all: BTreeMap<&'static str, u64> = BTreeMap::new();
        for counts in running {
            for (what, count) in counts.join().expect("a world failed: see above") {
                *all.entry(what).or_default() += count;
            }
        }
        all
    });
    (taken.into_inner(), next.into_inner(), all)
}

#[test]
fn whatever_goes_wrong_every_event_reaches_every_webhook_in_order_or_is_dead() {
    if let Some(seed) = environment("SIMULATION_SEED") {
        println!("seed {seed}: {:#?}", world_of(seed));
        return;
    }
    let start = Instant::now();
    let (taken, worlds, counts) = many_worlds(environment("SIMULATION_STEPS").unwrap_or(STEPS));
    let rate = u128::from(taken) * 1000 / start.elapsed().as_millis().max(1);
    println!("core: {taken} steps in {worlds} worlds, {rate} steps a second: {counts:#?}");
    for what in [
        "answers lost",
        "arrived again",
        "crashes",
        "dead",
        "disabled",
        "leases taken over",
        "pruned",
        "questions lost",
        "released",
        "responses lost",
        "settlements that came too late",
        "shut down",
        "store away",
        "suspensions",
    ] {
        assert!(
            counts.get(what).is_some_and(|it| *it > 0),
            "never met: {what}"
        );
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in 0..4 {
        let end = run(seed);
        assert_eq!(end, run(seed), "seed {seed}");
        assert!(end.steps > 300);
    }
}
