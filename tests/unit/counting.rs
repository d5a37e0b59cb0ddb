//! Counting of applications: for each page, or in the background.
//!
//! This is a module of `src/console/counting.rs`, since no public item leads to it.

#![allow(
    clippy::unwrap_used,
    reason = "it is a test, although a module of the library"
)]

use super::*;

#[test]
fn what_took_long_is_kept_and_counted_anew_by_one() {
    let (all, uni) = (Counting::default(), InstitutionId::new("uni").unwrap());
    assert!(all.last(&uni).is_none(), "nothing was counted");
    let keep = |took: Duration, age: Duration| {
        let counted = Counted {
            counts: Vec::new(),
            began: Instant::now().checked_sub(age).unwrap(),
            took,
            is_counting: false,
        };
        all.keep(uni.clone(), counted);
    };
    let second = Duration::from_secs(1);
    keep(SHORT / 2, second);
    assert!(all.last(&uni).is_none(), "it is counted for each page");
    keep(second, second);
    let (counted, is_old) = all.last(&uni).unwrap();
    assert!(!is_old && counted.age().is_some());
    keep(second, second * (LASTS + 1));
    let asked: Vec<_> = (0..3).map(|_| all.last(&uni).unwrap().1).collect();
    assert_eq!(asked, [true, false, false], "one counts it anew");
}
