//! A part of a title, found in the same titles by every store: the letters are compared by one
//! table, that of this crate, and never by the collation of a database.

#[cfg(feature = "postgres")]
use std::sync::LazyLock;

use crate::lifecycle::value::{check_text, text_value};

text_value! {
    /// What a certificate title is to contain ([`Filter::title`](super::Filter::title)): 1 to 255
    /// characters, not only white space.
    TitlePart(Box<str>), "title", 255, check_text
}

/// The lower case of a letter by itself: Unicode's simple mapping, whatever the language and the
/// letters beside it. `İ` alone has a full mapping, of which `i` comes first, that differs from it.
fn lower(letter: char) -> char {
    letter.to_lowercase().next().unwrap_or(letter)
}

/// A part to be looked for in many titles.
#[derive(Debug)]
pub(super) struct Needle(String);

impl Needle {
    pub(super) fn new(part: &TitlePart) -> Self {
        Self(part.as_str().chars().map(lower).collect())
    }

    /// Whether the title contains it.
    pub(super) fn is_in(&self, title: &str) -> bool {
        let title: String = title.chars().map(lower).collect();
        title.contains(&self.0)
    }

    /// In lower case.
    #[cfg(feature = "postgres")]
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The letters whose lower case stands in it, and their lower case, one for one: a title in
    /// which they are exchanged contains it as it stands. All other letters are none of its.
    #[cfg(feature = "postgres")]
    pub(super) fn exchange(&self) -> (String, String) {
        let own = UPPER.iter().filter(|(_, lower)| self.0.contains(*lower));
        own.copied().unzip()
    }
}

/// The letters that have a lower case, each with it.
#[cfg(feature = "postgres")]
static UPPER: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
    let all = ('\0'..=char::MAX).map(|letter| (letter, lower(letter)));
    all.filter(|(letter, lower)| letter != lower).collect()
});

#[cfg(test)]
#[path = "../../tests/unit/title.rs"]
mod tests;
