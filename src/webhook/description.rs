//! What people call a webhook, and why they disabled it.

/// What people call a webhook, or why it is disabled: at most 256 characters (Unicode scalar
/// values), none of them a control character. It may be empty.
///
/// ```
/// use certificate_lifecycle::webhook::Description;
///
/// let description: Description = "our portal".parse()?;
/// assert_eq!(description.as_str(), "our portal");
/// assert!("two\nlines".parse::<Description>().is_err());
/// # Ok::<(), certificate_lifecycle::webhook::DescriptionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description(String);

/// Why a text is no description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptionError {
    /// Too many characters.
    #[error(
        "a description has at most {} characters, but this one has {characters}",
        Description::MAX_CHARS
    )]
    TooLong {
        /// How many it has.
        characters: usize,
    },
    /// A line break, or another control character.
    #[error("a description has no control characters, such as line breaks")]
    ControlCharacter,
}

impl Description {
    /// The most characters (Unicode scalar values) that it may have.
    pub const MAX_CHARS: usize = 256;

    /// Takes the text unchanged.
    ///
    /// # Errors
    /// [`DescriptionError`] says which rule it breaks.
    pub fn new(text: impl Into<String>) -> Result<Self, DescriptionError> {
        let text = text.into();
        let characters = text.chars().count();
        if characters > Self::MAX_CHARS {
            return Err(DescriptionError::TooLong { characters });
        }
        if text.contains(char::is_control) {
            return Err(DescriptionError::ControlCharacter);
        }
        Ok(Self(text))
    }

    /// A text that a store has kept, of whatever length: some were kept before there was a limit.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(super) const fn restore(text: String) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::str::FromStr for Description {
    type Err = DescriptionError;

    fn from_str(text: &str) -> Result<Self, DescriptionError> {
        Self::new(text)
    }
}

impl std::fmt::Display for Description {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}
