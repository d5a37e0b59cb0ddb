//! What an error quotes of a value: shortened, and nothing personal.
//!
//! Without a dependency on the rest of the crate: the program has it as a module of its own.

/// The most characters of a refused value that an error quotes.
const EXCERPT: usize = 48;

/// The fields whose values are about a person, or written by one. A test compares them with the
/// names of the values.
const PERSONAL: [&str; 6] = [
    "certificate_title",
    "applicant_email",
    "rejection_reason",
    "error",
    "actor",
    "idempotency_key",
];

/// Whether an error never quotes a value of this field.
pub(crate) fn is_personal(field: &str) -> bool {
    PERSONAL.contains(&field)
}

/// Whether a text is neither an address nor a title of several words, so that an error may quote
/// it.
pub(crate) fn is_word(text: &str) -> bool {
    !text
        .trim()
        .contains(|it: char| it.is_whitespace() || it == '@')
}

/// The value as an error quotes it: cut where it is long, with its length in characters.
pub(crate) fn shorten(value: &str) -> String {
    match value.char_indices().nth(EXCERPT) {
        None => value.to_owned(),
        Some((end, _)) => {
            let length = value.chars().count();
            format!(
                "{}… ({length} characters)",
                value.get(..end).unwrap_or_default()
            )
        }
    }
}
