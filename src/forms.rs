//! The forms in which UUIDs and times are read, beside those of events.
//!
//! Without a dependency on the rest of the crate: the program has it as a module of its own.

use chrono::{DateTime, Utc};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// A UUID with hyphens: of the forms that are read, this one alone is that long.
pub(crate) fn only_hyphenated(uuid: &str) -> Option<Uuid> {
    let uuid = Some(uuid).filter(|it| it.len() == Hyphenated::LENGTH)?;
    Uuid::try_parse(uuid).ok()
}

/// Reads a time as RFC 3339 writes it; none for what is no such time.
pub(crate) fn rfc_3339(text: &str) -> Option<DateTime<Utc>> {
    // chrono reads more than RFC 3339, such as U+2212 for the sign of an offset.
    let text = Some(text).filter(|text| text.is_ascii())?;
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    Some(at.with_timezone(&Utc))
}
