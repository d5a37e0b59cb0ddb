//! Chance from a seed.

use std::cell::Cell;

/// The same numbers from the same seed, on every machine (SplitMix64).
pub struct Random(Cell<u64>);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    pub fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        state ^ (state >> 31)
    }

    /// From 0 on, below the bound.
    pub fn below(&self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// True so often in a hundred.
    pub fn percent(&self, often: u64) -> bool {
        self.below(100) < often
    }

    pub fn pick<'a, T>(&self, among: &'a [T]) -> &'a T {
        let bound = u64::try_from(among.len()).unwrap();
        &among[usize::try_from(self.below(bound)).unwrap()]
    }

    pub fn uuid(&self) -> uuid::Uuid {
        uuid::Uuid::from_u64_pair(self.next(), self.next())
    }
}
