//! Letters that have a lower case, all that there are.
//!
//! This is a module of `src/store/title.rs`: no public item leads to the table.

#![allow(
    clippy::unwrap_used,
    reason = "it is a test, although a module of the library"
)]

use super::*;

#[test]
fn a_lower_case_letter_is_its_own_lower_case() {
    for letter in '\0'..=char::MAX {
        assert_eq!(lower(lower(letter)), lower(letter), "{letter:?}");
        // One letter for one, as a database exchanges them, is no mistake but for this.
        let full: Vec<char> = letter.to_lowercase().collect();
        assert!(full.len() == 1 || letter == 'İ', "{letter:?}");
    }
}

#[test]
fn a_part_is_found_whatever_the_case() {
    let is_in = |part: &str, title| Needle::new(&TitlePart::new(part).unwrap()).is_in(title);
    assert!(is_in("ÖFF", "Eröffnung"));
    assert!(is_in("istanbul", "İSTANBUL") && is_in("İstanbul", "istanbul"));
    assert!(is_in("ß", "GROẞ") && !is_in("ss", "GROẞ"));
    assert!(is_in("οδοσ", "ΟΔΟΣ") && !is_in("οδος", "ΟΔΟΣ"));
    assert!(!is_in("ı", "I") && !is_in("e", "É"));
    // U+212A, the sign of the kelvin
    assert!(is_in("k", "300 \u{212a}"));
}

#[cfg(feature = "postgres")]
#[test]
fn exchanged_letters_make_the_part_stand_there() {
    let (from, to) = Needle::new(&TitlePart::new("Ki!").unwrap()).exchange();
    let pairs: Vec<_> = from.chars().zip(to.chars()).collect();
    assert_eq!(
        pairs,
        [('I', 'i'), ('K', 'k'), ('İ', 'i'), ('\u{212a}', 'k')]
    );
}
