//! Names that are opaque to the engine: an institution's, an actor's, a key's.

use std::sync::Arc;

use crate::lifecycle::value::{InvalidValue, Violation, check_text, text_value};

/// The rule of opaque names: a text without control characters.
fn check_name(field: &'static str, value: &str, max: usize) -> Result<(), InvalidValue> {
    check_text(field, value, max)?;
    if let Some((before, found)) = value.chars().enumerate().find(|(_, it)| it.is_control()) {
        let at = before + 1;
        return Err(InvalidValue::new(
            field,
            Violation::ControlCharacter { found, at },
        ));
    }
    Ok(())
}

text_value! {
    /// Who issues: an opaque id, 1 to 64 characters without control characters, not only white
    /// space. Every application belongs to one institution, and every command and read names it.
    ///
    /// A clone copies no text.
    InstitutionId(Arc<str>), "institution", 64, check_name, shown
}
text_value! {
    /// Who acts, within their kind: 1 to 255 characters without control characters, not only white
    /// space.
    ///
    /// A clone copies no text.
    ActorId(Arc<str>), "actor", 255, check_name
}
text_value! {
    /// What makes a command repeatable: 1 to 255 characters without control characters, not only
    /// white space, unique to one command within its institution.
    ///
    /// A clone copies no text.
    IdempotencyKey(Arc<str>), "idempotency_key", 255, check_name
}
text_value! {
    /// What a token of the HTTP API is for: 1 to 100 characters without control characters, not
    /// only white space.
    TokenName(Box<str>), "name", 100, check_name, shown
}
