//! Processors on virtual time: everything that can go wrong does, from a seed.
//!
//! Processors that crash, stand still for longer than their leases, or are stopped; clocks that
//! differ by more than is allowed; questions and answers of the store that are lost, also after
//! they took effect; administrators who fail and retry what is worked on; work that takes up to two
//! leases and ends in every way. What must hold is checked at every step (`record`, `claims`).
//!
//! `SIMULATION_WORLDS=100000 cargo test --features processor --test processor simulation` goes on
//! for longer, and `SIMULATION_SEED=…` replays one world.

mod claims;
mod driver;
mod faulty;
mod life;
mod record;
mod working;
mod world;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

/// How many worlds there are, unless `SIMULATION_WORLDS` says otherwise.
const WORLDS: u64 = 60;

fn environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a number, but is {text:?}")),
    )
}

/// One world: what became of it, or how it failed.
fn simulate(seed: u64) -> Result<driver::Outcome, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(driver::run(seed))));
    let outcome = outcome.unwrap_or_else(|_| Err("a panic, see above".to_owned()));
    outcome.map_err(|violated| {
        format!(
            "{violated}\nseed {seed}; again: SIMULATION_SEED={seed} cargo test --features processor \
             --test processor simulation"
        )
    })
}

type Counts = BTreeMap<&'static str, u64>;

/// Worlds of one seed after the other, until there were so many or one fails: what they have met.
fn many_worlds(worlds: u64) -> Result<Counts, String> {
    let next = AtomicU64::new(0);
    let some_worlds = || {
        let mut counts = Counts::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= worlds {
                return Ok(counts);
            }
            let outcome = simulate(seed).inspect_err(|_| next.store(worlds, Ordering::Relaxed))?;
            for (what, count) in outcome.counts {
                *counts.entry(what).or_default() += count;
            }
        }
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
    Ok(all)
}

#[test]
fn whatever_goes_wrong_each_application_ends_as_the_last_settlement_said() {
    if let Some(seed) = environment("SIMULATION_SEED") {
        let outcome = simulate(seed).unwrap_or_else(|failed| panic!("{failed}"));
        println!("seed {seed}: {outcome:#?}");
        return;
    }
    let worlds = environment("SIMULATION_WORLDS").unwrap_or(WORLDS);
    let counts = many_worlds(worlds).unwrap_or_else(|failed| panic!("{failed}"));
    println!("{worlds} worlds: {counts:#?}");
    // What is not met is not tested.
    for what in [
        "again",
        "answers lost",
        "approved",
        "cancelled, lost",
        "cancelled, stopped",
        "crashes",
        "failed",
        "failed by hand",
        "later",
        "lost by a renewal",
        "lost by a settlement",
        "none came to an end",
        "panicked",
        "questions lost",
        "recorded in part",
        "refused",
        "retried",
        "slow answers",
        "soft stops",
        "suspensions",
        "timed out",
    ] {
        assert!(
            counts.get(what).is_some_and(|it| *it > 0),
            "never met: {what}"
        );
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in 0..8 {
        let [first, second] = [simulate(seed), simulate(seed)];
        assert_eq!(first, second, "seed {seed}");
        first.unwrap_or_else(|failed| panic!("{failed}"));
    }
}
