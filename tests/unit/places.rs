//! Places by identity.
//!
//! This is a module of `src/places.rs`: no public item leads to what it tests.

use super::*;

fn uuid(number: u32) -> Uuid {
    Uuid::from_u128(number.into())
}

fn push(places: &mut Places, number: u32) {
    assert_eq!(places.push(uuid(number), (0..number).map(uuid)), number);
}

fn find(places: &Places, number: u32) -> Option<u32> {
    places.find(uuid(number), |place| place == number)
}

#[test]
fn every_row_is_found_however_far_it_grew() {
    let mut places = Places::default();
    assert_eq!(find(&places, 0), None);
    for number in 0..3000 {
        push(&mut places, number);
        assert_eq!(find(&places, number), Some(number));
        assert_eq!(find(&places, number + 1), None);
    }
    assert!((0..3000).all(|it| find(&places, it) == Some(it)));
    assert_eq!(places.slots.len(), 4096);
}

#[test]
fn removing_the_last_rows_loses_no_other() {
    let mut places = Places::default();
    // Past a growth, so that rows are removed which the larger table did not get one by one.
    (0..800).for_each(|it| push(&mut places, it));
    for number in (300..800).rev() {
        places.pop(uuid(number));
        assert_eq!(find(&places, number), None);
    }
    assert!((0..300).all(|it| find(&places, it) == Some(it)));
    (300..2000).for_each(|it| push(&mut places, it));
    assert!((0..2000).all(|it| find(&places, it) == Some(it)));
    (0..2000).rev().for_each(|it| places.pop(uuid(it)));
    assert!(places.slots.iter().all(|it| *it == Slot::EMPTY));
    places.pop(uuid(0));
}
