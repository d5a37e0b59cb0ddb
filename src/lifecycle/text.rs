//! Texts that stand in a larger one, which they share: a copy of one is a count.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// A part of a text that others may share; it stays as long as one of its parts does.
#[derive(Clone)]
pub(crate) struct Text {
    whole: Arc<String>,
    start: u32,
    length: u32,
}

impl Text {
    /// The text at this place, if there is one.
    pub(crate) fn of(whole: &Arc<String>, start: usize, length: usize) -> Option<Self> {
        whole.get(start..start.checked_add(length)?)?;
        Some(Self {
            whole: Arc::clone(whole),
            start: u32::try_from(start).ok()?,
            length: u32::try_from(length).ok()?,
        })
    }

    /// The same texts, in one whole.
    pub(crate) fn together<'t, const N: usize>(
        texts: impl Iterator<Item = [&'t str; N]> + Clone,
    ) -> impl Iterator<Item = [Self; N]> {
        let length = texts.clone().flatten().map(str::len).sum();
        let mut whole = String::with_capacity(length);
        whole.extend(texts.clone().flatten());
        let whole = Arc::new(whole);
        let mut start = 0;
        texts.map(move |texts| {
            texts.map(|text| {
                let part = Self::of(&whole, start, text.len());
                start += text.len();
                // Only a whole of 4 GiB has other parts.
                part.unwrap_or_else(|| text.into())
            })
        })
    }

    fn as_str(&self) -> &str {
        let start = self.start as usize;
        let part = self.whole.get(start..start + self.length as usize);
        // It was there when this was made, and a whole does not change.
        part.unwrap_or_default()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self {
            // The texts of the contract are short.
            length: u32::try_from(text.len()).unwrap_or(u32::MAX),
            whole: Arc::new(text.to_owned()),
            start: 0,
        }
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for Text {
    /// Without what may be personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Text(…)")
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_one_whole_are_the_texts() {
        let texts = [["ä", ""], ["john@example.com", "\0𝄞"]];
        let parts: Vec<_> = Text::together(texts.into_iter()).flatten().collect();
        assert_eq!(parts.len(), 4);
        let first = parts.first().map(|it| Arc::strong_count(&it.whole));
        assert_eq!(first, Some(4));
        for (part, text) in parts.iter().zip(texts.as_flattened()) {
            assert_eq!(&**part, *text);
            assert_eq!(*part, Text::from(*text));
        }
    }

    #[test]
    fn no_text_is_outside_of_the_whole_or_within_a_character() {
        let whole = Arc::new("aä".to_owned());
        assert_eq!(Text::of(&whole, 1, 2).as_deref(), Some("ä"));
        assert_eq!(Text::of(&whole, 1, 1), None);
        assert_eq!(Text::of(&whole, 3, 1), None);
        assert_eq!(Text::of(&whole, 1, usize::MAX), None);
    }

    #[test]
    fn a_text_takes_sixteen_bytes() {
        assert_eq!(size_of::<Text>(), 16);
    }
}
