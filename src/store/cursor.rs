//! A place in the feed.

/// A place in the feed: after an event, or at its [`START`](Self::START).
///
/// Ordered as the feed is. Opaque: as text, and so in JSON, it is one word, to be kept and given
/// back to the store that it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cursor {
    transaction: u64,
    index: u32,
}

impl Cursor {
    /// Before the first event.
    pub const START: Self = Self::new(0, 0);

    /// The place of the event with this index among those of one transaction. For stores.
    #[must_use]
    pub const fn new(transaction: u64, index: u32) -> Self {
        Self { transaction, index }
    }

    /// The transaction, in the order of the feed. For stores.
    #[must_use]
    pub const fn transaction(self) -> u64 {
        self.transaction
    }

    /// The place among the events of one transaction. For stores.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.index
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.index == 0 {
            write!(f, "{}", self.transaction)
        } else {
            write!(f, "{}-{}", self.transaction, self.index)
        }
    }
}

crate::store::word::word!(Cursor);

/// A text that is no cursor. The error does not repeat it: anything may stand there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("expected a cursor as the feed gives it, such as 17 or 17-3")]
pub struct CursorError;

impl std::str::FromStr for Cursor {
    type Err = CursorError;

    /// # Errors
    /// [`CursorError`] where the text is none.
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (transaction, index) = text.split_once('-').unwrap_or((text, "0"));
        let digits = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
        let parsed = || {
            let numbers = digits(transaction) && digits(index);
            numbers.then(|| Some(Self::new(transaction.parse().ok()?, index.parse().ok()?)))?
        };
        parsed().ok_or(CursorError)
    }
}
