//! Engine, store and dispatchers on virtual time: everything that can go wrong does, from a seed.
//!
//! Crashes of dispatchers, dispatchers that stand still and go on when others have taken over, leases that end
//! while their requests are still under way, several dispatchers at once, clocks that differ, questions and
//! answers that are lost, webhooks that are removed in the middle of everything, deliveries that are pruned,
//! receivers in every mood. What must hold is checked at every step, and the rest at the end of each world.
//!
//! `SIMULATION_STEPS=10000000 cargo test --features delivery --test simulation` goes on for longer, and
//! `SIMULATION_SEED=…` replays one world.

#[macro_use]
#[path = "../support/delegate.rs"]
mod delegate;

mod commanders;
mod driver;
mod ending;
mod faulty;
mod health;
mod life;
mod operators;
mod random;
mod receivers;
mod record;
mod replay;
mod world;

/// How many steps a test run takes, unless `SIMULATION_STEPS` says otherwise.
const STEPS: u64 = 1_000_000;

fn environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a number, but is {text:?}")),
    )
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
    let (mut taken, mut seed) = (0, 0);
    let mut counts = std::collections::BTreeMap::<&str, u64>::new();
    while taken < steps {
        let outcome = simulate(seed).unwrap_or_else(|failed| panic!("{failed}"));
        taken += outcome.steps;
        for (what, count) in outcome.counts {
            *counts.entry(what).or_default() += count;
        }
        seed += 1;
    }
    println!("{taken} steps in {seed} worlds: {counts:#?}");
    // What is not met is not tested.
    for what in [
        "answers lost",
        "arrived after a removal",
        "arrived again",
        "crashes",
        "dead",
        "delivered",
        "disabled as failing",
        "disabled as gone",
        "hopeless webhooks disabled",
        "leases taken over",
        "leases taken over from the suspended",
        "looks at pauses",
        "old and dead, not pruned",
        "old and pending, not pruned",
        "pruned",
        "questions lost",
        "refused commands",
        "removed when dead",
        "removed when delivered",
        "removed while leased",
        "removed while pending",
        "requests begun after a removal",
        "responses lost",
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
        assert!(first.steps > 1000);
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
