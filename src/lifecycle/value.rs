//! Values that cannot hold what the contract forbids (CONTRACT.md, "Events", the table of rules).
//!
//! Each has one fallible constructor; serde goes through it too.

use std::borrow::Cow;
use std::fmt;

use super::address;
use super::text::Text;
use crate::excerpt::shorten;

/// A value that the contract forbids: which field, which rule, and what was found instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {violation}")]
pub struct InvalidValue {
    /// The contract's name of the field.
    pub field: &'static str,
    /// The rule that the value breaks, with the offending length or value.
    pub violation: Violation,
}

impl InvalidValue {
    pub(crate) const fn new(field: &'static str, violation: Violation) -> Self {
        Self { field, violation }
    }

    /// The field and the rule that it breaks, without what was found: for what keeps nothing
    /// personal.
    #[must_use]
    pub fn without_value(&self) -> String {
        format!("{} {}", self.field, self.violation.rule())
    }
}

/// The rule of the contract that a value breaks. The value found is quoted if it is nothing
/// personal, shortened where it is long: never a text of an applicant's or about one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// Fewer than 1 or more than `max` characters (Unicode scalar values).
    #[error("{}, but has {length}", self.rule())]
    Length {
        /// The most characters that the field may have.
        max: usize,
        /// The characters that were found.
        length: usize,
    },
    /// Nothing but white space.
    #[error("{}, but is {value:?}", self.rule())]
    Blank {
        /// What was found.
        value: String,
    },
    /// A control character (Unicode category Cc) where none may stand.
    #[error("{}, but has U+{:04X} as character {at}", self.rule(), u32::from(*found))]
    ControlCharacter {
        /// What was found.
        found: char,
        /// Where: the place of the character in the text, from 1.
        at: usize,
    },
    /// Not an e-mail address.
    #[error("{}, but {reason}", self.rule())]
    NotAnAddress {
        /// What is wrong with it.
        reason: String,
    },
    /// A number outside 1 to 2⁵³ − 1.
    #[error("{}, but is {value}", self.rule())]
    OutOfRange {
        /// What was found.
        value: u64,
    },
    /// Not the contract's form of a moment.
    #[error("{}, but is {value:?}", self.rule())]
    NotATimestamp {
        /// What was found.
        value: String,
    },
    /// A moment that RFC 3339 cannot write.
    #[error("{}, but lies in the year {year}", self.rule())]
    YearOutOfRange {
        /// The year in UTC.
        year: i64,
    },
    /// Not the contract's form of a UUID.
    #[error("{}, but is {value:?}", self.rule())]
    NotAUuid {
        /// What was found.
        value: String,
    },
}

impl Violation {
    /// The rule alone.
    fn rule(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Length { max, .. } => return format!("must have 1 to {max} characters").into(),
            Self::Blank { .. } => "must not be only white space",
            Self::ControlCharacter { .. } => "must not contain control characters",
            Self::NotAnAddress { .. } => "must be a valid e-mail address such as john@example.com",
            Self::OutOfRange { .. } => return format!("must be {}", ApplicationId::RULE).into(),
            Self::NotATimestamp { .. } => {
                "must be a UTC time in whole seconds such as 2026-06-04T10:30:00Z"
            }
            Self::YearOutOfRange { .. } => "must lie in the years 0000 to 9999 in UTC",
            Self::NotAUuid { .. } => {
                "must be a lower-case, hyphenated UUID such as 9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15"
            }
        })
    }
}

/// The length rule, the same for every text of the contract.
fn check_length(field: &'static str, value: &str, max: usize) -> Result<(), InvalidValue> {
    // A character takes at least one byte, so most values need no counting.
    if !value.is_empty() && value.len() <= max {
        return Ok(());
    }
    let length = value.chars().count();
    if (1..=max).contains(&length) {
        Ok(())
    } else {
        Err(InvalidValue::new(field, Violation::Length { max, length }))
    }
}

pub(crate) fn check_text(field: &'static str, value: &str, max: usize) -> Result<(), InvalidValue> {
    check_length(field, value, max)?;
    if value.chars().all(char::is_whitespace) {
        return Err(InvalidValue::new(
            field,
            Violation::Blank {
                value: shorten(value),
            },
        ));
    }
    Ok(())
}

/// Declares a text of the contract: its field, its longest length, its representation, its check.
/// `{:?}` does not show it, so that what is personal is in no log, unless it is said to be `shown`.
macro_rules! text_value {
    (@debug $value:ident $f:ident $name:ident) => {
        $f.write_str(concat!(stringify!($name), "(…)"))
    };
    (@debug $value:ident $f:ident $name:ident shown) => {
        $f.debug_tuple(stringify!($name)).field(&$value.as_str()).finish()
    };
    ($(#[$meta:meta])* $name:ident($repr:ty), $field:literal, $max:literal, $check:path $(, $shown:ident)?) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($repr);

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::lifecycle::value::text_value!(@debug self f $name $($shown)?)
            }
        }

        impl $name {
            /// The contract's name of the field.
            pub const FIELD: &'static str = $field;

            /// The most characters (Unicode scalar values) that it may have.
            pub const MAX_CHARS: usize = $max;

            /// Takes the value if the contract allows it, unchanged.
            ///
            /// # Errors
            /// [`InvalidValue`](crate::InvalidValue) says which rule it breaks.
            pub fn new(value: impl AsRef<str>) -> Result<Self, $crate::lifecycle::value::InvalidValue> {
                let value = value.as_ref();
                Self::check(value)?;
                Ok(Self(value.into()))
            }

            /// Says whether the contract allows the value, without taking it.
            ///
            /// # Errors
            /// [`InvalidValue`](crate::InvalidValue) says which rule it breaks.
            pub fn check(value: &str) -> Result<(), $crate::lifecycle::value::InvalidValue> {
                $check(Self::FIELD, value, Self::MAX_CHARS)
            }

            /// Takes a value that [`check`](Self::check) has accepted.
            #[allow(dead_code, reason = "not every text is read in two steps")]
            pub(crate) fn from_checked(value: impl Into<$repr>) -> Self {
                Self(value.into())
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::lifecycle::value::InvalidValue;

            fn from_str(value: &str) -> Result<Self, Self::Err> {
                Self::new(value)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::lifecycle::value::InvalidValue;

            fn try_from(value: String) -> Result<Self, Self::Error> {
                Self::new(value)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::new(value).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use text_value;

text_value! {
    /// What the certificate is called: 1 to 255 characters, not only white space.
    CertificateTitle(Text), "certificate_title", 255, check_text
}
text_value! {
    /// Where the applicant is reached: a valid address (the `addr-spec` of RFC 5322 and RFC 6531,
    /// no display name), at most 255 characters.
    ApplicantEmail(Text), "applicant_email", 255, check_email
}
text_value! {
    /// Why an administrator rejected an application: 1 to 1,000 characters, not only white space.
    ///
    /// Shared by the application and its event, so a clone copies no text.
    RejectionReason(Text), "rejection_reason", 1000, check_text
}
text_value! {
    /// The critical error that background processing hit: 1 to 1,000 characters, not only white
    /// space.
    ///
    /// Shared by the application and its event, so a clone copies no text.
    ProcessingError(Text), "error", 1000, check_text
}

fn check_email(field: &'static str, value: &str, max: usize) -> Result<(), InvalidValue> {
    check_length(field, value, max)?;
    address::check(value).map_err(|reason| {
        let reason = reason.to_owned();
        InvalidValue::new(field, Violation::NotAnAddress { reason })
    })
}

/// The backend's own number of an application: 1 to 2⁵³ − 1, so that every JSON reader can hold it.
///
/// It is carried along; the `uuid` is the identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct ApplicationId(u64);

impl ApplicationId {
    /// The contract's name of the field.
    pub const FIELD: &'static str = "application_id";

    /// Which numbers the contract allows, in words.
    pub const RULE: &'static str = "an integer from 1 to 9007199254740991";

    /// The largest number: 2⁵³ − 1.
    pub const MAX: u64 = (1 << 53) - 1;

    /// Takes the number if the contract allows it.
    ///
    /// # Errors
    /// [`Violation::OutOfRange`] for 0 and for more than 2⁵³ − 1.
    pub fn new(number: u64) -> Result<Self, InvalidValue> {
        if (1..=Self::MAX).contains(&number) {
            Ok(Self(number))
        } else {
            let violation = Violation::OutOfRange { value: number };
            Err(InvalidValue::new(Self::FIELD, violation))
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ApplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<ApplicationId> for u64 {
    fn from(id: ApplicationId) -> Self {
        id.get()
    }
}

impl TryFrom<u64> for ApplicationId {
    type Error = InvalidValue;

    fn try_from(number: u64) -> Result<Self, Self::Error> {
        Self::new(number)
    }
}

impl<'de> serde::Deserialize<'de> for ApplicationId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;
        impl serde::de::Visitor<'_> for NumberVisitor {
            type Value = ApplicationId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}, {}", ApplicationId::FIELD, ApplicationId::RULE)
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<ApplicationId, E> {
                ApplicationId::new(number).map_err(E::custom)
            }

            // What is no u64 is no application id: the default refuses it, with `expecting`.
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<ApplicationId, E> {
                let number = u64::try_from(number)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(number), &self))?;
                self.visit_u64(number)
            }
        }
        deserializer.deserialize_u64(NumberVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::excerpt::is_personal;

    #[test]
    fn errors_quote_no_text_of_the_contract() {
        for field in [
            CertificateTitle::FIELD,
            ApplicantEmail::FIELD,
            RejectionReason::FIELD,
            ProcessingError::FIELD,
        ] {
            assert!(is_personal(field), "{field}");
        }
        assert!(!is_personal(ApplicationId::FIELD));
    }
}
