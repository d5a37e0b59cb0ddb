//! Why something is done, for those who look at it later.

use crate::webhook::{Description, DescriptionError};

/// Reads a reason: a description, which an error calls by its own name.
pub(crate) fn reason(text: &str) -> Result<Description, String> {
    Description::new(text).map_err(|error| match error {
        DescriptionError::TooLong { characters } => {
            let most = Description::MAX_CHARS;
            format!("a reason has at most {most} characters, but this one has {characters}")
        }
        DescriptionError::ControlCharacter => {
            "a reason has no control characters, such as line breaks".to_owned()
        }
    })
}

/// Reads why deliveries are abandoned, which has to be said.
pub(crate) fn reason_to_abandon(text: &str) -> Result<Description, String> {
    let reason = reason(text)?;
    if reason.as_str().trim().is_empty() {
        return Err("expected why they are abandoned, 1 to 256 characters".to_owned());
    }
    Ok(reason)
}
