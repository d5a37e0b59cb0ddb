//! Delays of different lengths, so that what failed together is not tried again together.

use std::time::Duration;

/// The delay, lengthened by up to a fifth. How much depends only on what it is for and on the
/// round, so that each process computes the same.
pub(crate) fn lengthened(delay: Duration, of: (u64, u64), round: u32) -> Duration {
    let most = u64::try_from((delay / 5).as_millis()).unwrap_or(u64::MAX);
    let jitter = mix(of, round) % most.saturating_add(1);
    delay.saturating_add(Duration::from_millis(jitter))
}

/// A number that looks like chance (the finalizer of SplitMix64).
fn mix((high, low): (u64, u64), round: u32) -> u64 {
    let mut state = low
        ^ high.rotate_left(32)
        ^ u64::from(round)
            .wrapping_add(1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^= state >> 31;
    state >> 1
}
