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

/// What the text in a field is, in words, as an error quotes it. It is quoted where it cannot be
/// personal: not in fields that are, and not where it looks as if it came from another one.
pub(crate) fn describe_text(field: &str, text: &str) -> String {
    if !is_personal(field) && is_word(text) {
        return format!("the string {:?}", shorten(text));
    }
    describe_length(text)
}

/// The same without a quotation.
pub(crate) fn describe_length(text: &str) -> String {
    match text.chars().count() {
        1 => "a string of 1 character".to_owned(),
        count => format!("a string of {count} characters"),
    }
}

/// A text as an error quotes it, unless it looks like a title or an address: then only its length.
#[allow(
    dead_code,
    reason = "without features, no error quotes the name of a field"
)]
pub(crate) fn quoted(text: &str) -> String {
    if is_word(text) {
        return format!("{:?}", shorten(text));
    }
    format!("of {} characters", text.chars().count())
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
