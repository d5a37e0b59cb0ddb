//! Texts as PostgreSQL can hold them: the contract allows U+0000, PostgreSQL's `text` does not.

use std::borrow::Cow;

/// Stands before what is written otherwise. A noncharacter, so that texts are readable in the
/// database.
const ESCAPE: char = '\u{10ffff}';

/// U+0000 becomes the escape and `0`, the escape itself becomes the escape and `1`.
pub(super) fn encode(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\0' => encoded.extend([ESCAPE, '0']),
            ESCAPE => encoded.extend([ESCAPE, '1']),
            other => encoded.push(other),
        }
    }
    Cow::Owned(encoded)
}

/// The way back; an escape that was never written stays as it is.
pub(super) fn decode(text: String) -> String {
    if !text.contains(ESCAPE) {
        return text;
    }
    let mut decoded = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            (ESCAPE, Some('0')) => {
                decoded.push('\0');
                characters.next();
            }
            (ESCAPE, Some('1')) => {
                decoded.push(ESCAPE);
                characters.next();
            }
            (other, _) => decoded.push(other),
        }
    }
    decoded
}
