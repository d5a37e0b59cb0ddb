//! Chance that can be repeated: numbers from a seed that a failing test prints.

#![allow(
    dead_code,
    reason = "each test takes what it needs, and the compiler sees one test at a time"
)]

/// Numbers that look random and follow from their seed (SplitMix64).
pub struct Random(u64);

impl Random {
    /// From the environment variable `SEED`, or a new seed; printed, so that a
    /// failure can be repeated.
    pub fn new(what: &str) -> Self {
        let seed = match std::env::var("SEED") {
            Ok(seed) => seed.parse().expect("SEED must be a number"),
            Err(_) => from_the_system(),
        };
        println!("{what}: SEED={seed}");
        Self(seed)
    }

    pub const fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below the bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// One in so many times.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        let length = u64::try_from(from.len()).unwrap();
        &from[usize::try_from(self.below(length)).unwrap()]
    }
}

/// The standard library seeds its hash maps from the system: that is enough of chance for a test.
fn from_the_system() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}
