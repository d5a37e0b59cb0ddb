//! Rows that grow in pieces.
//!
//! This is a module of `src/store/memory/pieces.rs`: no public item leads to what it tests.

#![allow(
    clippy::unwrap_used,
    reason = "it is a test, although a module of the library"
)]

use super::*;

#[test]
fn rows_stay_at_their_places_across_pieces() {
    let count = place(Pieces::<u32>::PIECE) * 2 + 1;
    let mut pieces = Pieces::default();
    for number in 0..count {
        pieces.push(number);
    }
    assert!(pieces.iter().copied().eq(0..count));
    for at in 0..count {
        assert_eq!(pieces.get(at).copied(), Some(at));
        *pieces.get_mut(at).unwrap() += 1;
    }
    assert_eq!(pieces.get(count), None);
    assert_eq!(pieces.get(u32::MAX), None);
    assert_eq!(pieces.get_mut(count), None);
    for at in (0..count).rev() {
        assert_eq!(pieces.len(), at as usize + 1);
        assert_eq!(pieces.pop(), Some(at + 1));
    }
    assert_eq!(pieces.pop(), None);
    pieces.push(7);
    assert_eq!(pieces.get(0), Some(&7));
}
